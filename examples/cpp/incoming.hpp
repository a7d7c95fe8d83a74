// incoming.hpp: what files.cpp keeps files with: their hash, and a file that is not whole yet.
#ifndef INCOMING_HPP
#define INCOMING_HPP

#include <treenail.hpp>

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>

using treenail::Bytes;

using Hash = std::array<unsigned char, 32>;

class Sha256 {
public:
    Sha256() { EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr); }
    void update(Bytes bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }
    Hash finish() {
        Hash hash;
        EVP_DigestFinal_ex(context_.get(), hash.data(), nullptr);
        return hash;
    }

private:
    struct Free {
        void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
    };
    std::unique_ptr<EVP_MD_CTX, Free> context_{EVP_MD_CTX_new()};
};

struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Close>;

// One line at once, so that those of several threads don't mix.
inline void say(const std::string& line) { std::cout << line + '\n' << std::flush; }

// Prints the line for a file that is complete.
inline void report(const char* what, const std::string& name, std::uint64_t size,
                   const Hash& hash) {
    std::ostringstream line;
    line << what << ' ' << name << ": " << size << " bytes, SHA-256 " << std::hex;
    for (const unsigned byte : hash) {
        line << byte / 16 << byte % 16;
    }
    say(line.str());
}

// A file that is not whole yet; what there is of it is removed at its end.
class Incoming {
public:
    Incoming(int folder, std::string name, std::uint64_t size)
        : folder_(folder), name_(std::move(name)), size_(size) {
        const int fd = openat(folder_, temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0666);
        file_.reset(fd < 0 ? nullptr : fdopen(fd, "wb"));
        error_ = file_ ? 0 : errno;
    }
    Incoming(const Incoming&) = delete;
    ~Incoming() { remove(); }

    int error() const { return error_; }
    std::string progress() const {
        return name_ + ": " + std::to_string(received_) + " of " + std::to_string(size_) +
               " bytes came";
    }

    void append(Bytes chunk) {
        received_ += chunk.size();
        if (received_ > size_ || error_ != 0) {
            return;  // the answer to END says so
        }
        sha256_.update(chunk);
        if (std::fwrite(chunk.data(), 1, chunk.size(), file_.get()) != chunk.size()) {
            error_ = errno;
        }
    }

    // Gives the file its name besides the temporary one, which a link, unlike a rename, does only
    // where it replaces nothing; else gives why not.
    std::string keep(Bytes sent_hash) {
        const auto hash = sha256_.finish();
        if (error_ == 0 && received_ != size_) {
            return progress();
        }
        if (error_ == 0 && sent_hash.text() != Bytes(hash).text()) {
            return name_ + " came with another hash";
        }
        if (error_ == 0 &&
            (std::fflush(file_.get()) != 0 ||
             linkat(folder_, temporary_.c_str(), folder_, name_.c_str(), 0) != 0)) {
            error_ = errno;
        }
        if (error_ != 0) {
            return unwritable();
        }
        remove();
        report("kept", name_, size_, hash);
        return {};
    }

    std::string unwritable() const {
        return name_ + " can't be written: " + std::strerror(error_);
    }

private:
    // Takes the temporary name away.
    void remove() {
        if (file_) {
            file_.reset();
            unlinkat(folder_, temporary_.c_str(), 0);
        }
    }

    // One that no client can choose, as it begins with a dot.
    static std::string new_temporary() {
        static std::atomic<unsigned> count;
        return '.' + std::to_string(getpid()) + '-' + std::to_string(count++) + ".part";
    }

    int folder_;
    std::string name_, temporary_ = new_temporary();
    std::uint64_t size_, received_ = 0;
    File file_;
    Sha256 sha256_;
    int error_ = 0;  // errno of the first failure
};

#endif
