// picture.cpp: one program puts a PNG picture into shared memory, another gets it and puts one back.
//
//     make -C examples/cpp
//     target/examples-cpp/picture answer album mine.png theirs.png &
//     target/examples-cpp/picture ask album question.png answer.png
//
// Either may start first. Each waits for the other's picture without polling, and neither has to
// close the segment for the other. The programs of the same name in other languages take the same
// arguments and exchange pictures.
#include <treenail.hpp>

#include <cstddef>
#include <fstream>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

using treenail::Segment;

namespace {

constexpr std::size_t png_max = 4 << 20, header_end = 24;

enum Which : std::uint64_t { NOTHING, QUESTION, ANSWER };

// What is in the segment, and a copy of it.
struct Page {
    Which which;
    std::uint64_t size;  // of the picture
    char png[png_max];

    std::string_view bytes() const { return {png, size}; }

    bool is_png() const {
        return size >= header_end && size <= png_max &&
               bytes().substr(0, 8) == "\x89PNG\r\n\x1a\n" && bytes().substr(12, 4) == "IHDR";
    }

    unsigned number_at(std::size_t offset) const {
        unsigned number = 0;
        for (const char byte : bytes().substr(offset, 4)) {
            number = number << 8 | static_cast<unsigned char>(byte);
        }
        return number;
    }

    void tell(std::string_view verb) const {
        std::cout << verb << ' ' << size << " bytes, " << number_at(16) << " x " << number_at(20)
                  << " pixels" << std::endl;
    }
};

class Album {
public:
    explicit Album(const char* name) : segment_(Segment::open_or_create(name, sizeof(Page))) {}

    // Puts a file in. One call locks, copies, announces the change, and unlocks.
    void put(Which which, const std::string& path) {
        std::ifstream file(path, std::ios::binary);
        if (!file) {
            throw std::runtime_error(path + " can't be read");
        }
        file.read(page_->png, png_max);
        page_->which = which;
        page_->size = static_cast<std::uint64_t>(file.gcount());
        if (file.peek() != std::ifstream::traits_type::eof() || !page_->is_png()) {
            throw std::runtime_error(path + " is no PNG, or over 4 MiB");
        }
        segment_.write(0, {page_.get(), offsetof(Page, png) + page_->size});
        page_->tell("put");
    }

    // Waits until there is the picture that is wanted, and saves it.
    void get(Which which, const std::string& path) {
        auto version = segment_.version();  // before it is read: no change is missed
        read();
        while (page_->which != which) {
            version = segment_.wait(version);
            read();
        }
        if (!page_->is_png()) {
            throw std::runtime_error("what came is no PNG");
        }
        page_->tell("got");
        std::ofstream file(path, std::ios::binary);
        if (!(file << page_->bytes()).flush()) {
            throw std::runtime_error(path + " can't be written");
        }
    }

private:
    void read() {
        if (segment_.read(0, {page_.get(), sizeof(Page)}).owner_died()) {
            throw std::runtime_error("the other program died while it wrote");
        }
    }

    const Segment segment_;
    const std::unique_ptr<Page> page_ = std::make_unique<Page>();
};

}  // namespace

int main(int argc, char** argv) {
    const std::string_view verb = argc == 5 ? argv[1] : "";
    try {
        if (verb == "ask") {
            Album album(argv[2]);
            album.put(QUESTION, argv[3]);
            album.get(ANSWER, argv[4]);
        } else if (verb == "answer") {
            Album album(argv[2]);
            album.get(QUESTION, argv[4]);
            album.put(ANSWER, argv[3]);
        } else {
            std::cerr << "usage: picture ask NAME MINE.png THEIRS.png\n"
                         "       picture answer NAME MINE.png THEIRS.png\n";
            return 2;
        }
    } catch (const std::exception& error) {
        std::cerr << "picture: " << error.what() << '\n';
        return 1;
    }
}
