//! What a user may say: the commands and their options.

use crate::examples;
use crate::time;
use clap::{Args as Group, Parser, Subcommand, ValueHint};
use clap_complete::Shell;
use std::path::PathBuf;
use std::time::Duration;

/// Looks at, tries and measures what the treenail library joins: channels, segments, semaphores.
///
/// An ENDPOINT is shm:NAME (rings in shared memory) or local:NAME (a local socket), with options
/// behind a question mark, such as 'shm:frames?ring=1MiB'. Quote it then: shells know the sign too.
#[derive(Parser)]
#[command(name = "treenail", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = examples::TREENAIL)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Shows what there is: listeners, segments, semaphores, and who has them
    #[command(after_help = examples::LIST, visible_alias = "ls")]
    List(List),
    /// Shows all that can be known of a name
    #[command(after_help = examples::INFO)]
    Info(Info),
    /// Sends messages: from the arguments, or from standard input
    ///
    /// DATA is one message an argument. Without DATA, standard input is sent as it comes, in pieces
    /// of up to 64 KiB, and each piece is a message: `treenail recv` writes them out one after
    /// another, so that the bytes are the same again. --lines makes each line a message, without its
    /// end of line, and --file a whole file.
    #[command(after_help = examples::SEND)]
    Send(Send),
    /// Receives messages, and writes them to standard output
    ///
    /// Messages are written one after another, with nothing in between, as `treenail send` has read
    /// them. --lines ends each with a newline, --hex and --json write one line a message. On a
    /// terminal each message is a line, and control characters are shown as \xNN.
    #[command(after_help = examples::RECV)]
    Recv(Recv),
    /// Sends a request, and writes the reply to standard output
    #[command(after_help = examples::REQUEST)]
    Request(Request),
    /// Listens, and joins the terminal to whoever connects, as `nc -l` does
    ///
    /// Each line that is typed is a message, without its end of line; each message that comes is
    /// printed as a line. It ends when the other side does, or with Ctrl-D or Ctrl-C.
    #[command(after_help = examples::LISTEN)]
    Listen(Talk),
    /// Connects, and joins the terminal to the channel, as `nc` does
    ///
    /// Each line that is typed is a message, without its end of line; each message that comes is
    /// printed as a line. It ends when the other side does, or with Ctrl-D or Ctrl-C.
    #[command(after_help = examples::CONNECT)]
    Connect(Talk),
    /// Sends every message back to where it came from, and answers every request with itself
    #[command(after_help = examples::ECHO)]
    Echo(Echo),
    /// Measures round trips and throughput here and now, beside a bare pipe
    ///
    /// Without an ENDPOINT it starts a `treenail echo` of its own, over shm: and over local:, and a
    /// `cat` behind two pipes. With one it measures to the echo program that listens there.
    #[command(after_help = examples::BENCH)]
    Bench(Bench),
    /// Removes what killed programs have left: objects that nobody holds, sockets without a listener
    ///
    /// What was made with persist=1 stays.
    #[command(after_help = examples::CLEAN)]
    Clean(Clean),
    /// Removes a name: a segment's, a semaphore's, or that of a listener which was killed
    #[command(after_help = examples::REMOVE)]
    Remove(Remove),
    /// Writes the completions for a shell
    #[command(after_help = examples::COMPLETIONS)]
    Completions(Completions),
    /// Writes the manual pages: all of them, or that of one command
    #[command(after_help = examples::MAN)]
    Man(Man),
}

/// Which side of a channel a program is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Listen,
    Connect,
}

#[derive(Group)]
pub struct Meeting {
    /// Where to meet: shm:NAME or local:NAME; in place of NAME a path with a slash, or * for a
    /// name that a listening program chooses and tells
    pub endpoint: String,
    /// Listen, whatever this command usually does
    #[arg(long, conflicts_with = "connect")]
    listen: bool,
    /// Connect, whatever this command usually does
    #[arg(long)]
    connect: bool,
    /// When connecting, wait until somebody listens
    #[arg(short, long)]
    pub wait: bool,
    /// The longest wait for the other side, and for each message: 2, 0.5, 500ms, 3m
    #[arg(short, long, value_name = "TIME", value_parser = time::parse)]
    pub timeout: Option<Duration>,
}

impl Meeting {
    /// The side that this program is to be.
    pub fn side(&self, usual: Side) -> Side {
        match (self.listen, self.connect) {
            (true, _) => Side::Listen,
            (_, true) => Side::Connect,
            (false, false) => usual,
        }
    }
}

#[derive(Group)]
pub struct Watch {
    /// Show it again whenever it changes, looking every TIME
    #[arg(short, long, value_name = "TIME", num_args = 0..=1, require_equals = true,
        default_missing_value = "1", value_parser = time::parse)]
    pub watch: Option<Duration>,
}

#[derive(Group)]
pub struct List {
    /// Which names, with * for any letters: KIND:NAME, or a NAME of any kind
    pub pattern: Option<String>,
    /// One JSON object a line; with --watch, one array of them a line
    #[arg(short, long)]
    pub json: bool,
    #[command(flatten)]
    pub watch: Watch,
}

#[derive(Group)]
pub struct Info {
    /// An endpoint, KIND:NAME, or a NAME of any kind
    #[arg(value_name = "ENDPOINT")]
    pub name: String,
    /// One JSON object a line; with --watch, one array of them a line
    #[arg(short, long)]
    pub json: bool,
    #[command(flatten)]
    pub watch: Watch,
}

/// What a message is made of.
#[derive(Group)]
pub struct Source {
    /// The messages, one an argument; standard input if there is none
    pub data: Vec<String>,
    /// Each line of standard input is a message
    #[arg(short, long, conflicts_with_all = ["data", "file"])]
    pub lines: bool,
    /// Each FILE is a message; - is all of standard input
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath,
        conflicts_with = "data")]
    pub file: Vec<PathBuf>,
    /// DATA, or each line of standard input, is in hexadecimal digits
    #[arg(short = 'x', long, conflicts_with = "file")]
    pub hex: bool,
    /// Give the messages this tag, a number that tells kinds of messages apart
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    pub tag: u32,
}

#[derive(Group)]
pub struct Send {
    #[command(flatten)]
    pub meeting: Meeting,
    #[command(flatten)]
    pub source: Source,
    /// Send everything that is given as DATA or FILE so many times
    #[arg(short = 'n', long, value_name = "TIMES", default_value_t = 1)]
    pub count: u64,
    /// Show on standard error how much has gone, and how fast
    #[arg(short, long)]
    pub progress: bool,
}

/// How messages are written.
#[derive(Group)]
pub struct Shown {
    /// End each message with a newline
    #[arg(short, long, conflicts_with_all = ["hex", "json"])]
    pub lines: bool,
    /// One line of hexadecimal digits a message
    #[arg(short = 'x', long, conflicts_with = "json")]
    pub hex: bool,
    /// One JSON object a line: len, tag, and text, or hex if it is no text
    #[arg(short, long)]
    pub json: bool,
}

#[derive(Group)]
pub struct Recv {
    #[command(flatten)]
    pub meeting: Meeting,
    #[command(flatten)]
    pub shown: Shown,
    /// End after so many messages
    #[arg(short = 'n', long, value_name = "NUMBER")]
    pub count: Option<u64>,
    /// Take only messages with this tag, and drop others
    #[arg(long, value_name = "NUMBER")]
    pub tag: Option<u32>,
    /// Serve every program that connects, several at a time, until Ctrl-C
    #[arg(short, long, conflicts_with = "connect")]
    pub keep: bool,
    /// Show on standard error how much has come, and how fast
    #[arg(short, long)]
    pub progress: bool,
}

#[derive(Group)]
pub struct Request {
    #[command(flatten)]
    pub meeting: Meeting,
    #[command(flatten)]
    pub source: Source,
    /// One line of hexadecimal digits a reply
    #[arg(long)]
    pub hex_reply: bool,
    /// Ask everything that is given as DATA or FILE so many times
    #[arg(short = 'n', long, value_name = "TIMES", default_value_t = 1)]
    pub count: u64,
}

#[derive(Group)]
pub struct Talk {
    #[command(flatten)]
    pub meeting: Meeting,
    /// After the last client serve the next one, until Ctrl-C
    #[arg(short, long, conflicts_with = "connect")]
    pub keep: bool,
    /// Go on receiving for TIME after the end of the input; a terminal: 0, others: for ever
    #[arg(short, long, value_name = "TIME", value_parser = time::parse)]
    pub quit_after: Option<Duration>,
}

#[derive(Group)]
pub struct Echo {
    #[command(flatten)]
    pub meeting: Meeting,
    /// End with the first client
    #[arg(short = '1', long)]
    pub once: bool,
}

#[derive(Group)]
pub struct Bench {
    /// Where an echo program listens: `treenail echo ENDPOINT`, or one of yours
    pub endpoint: Option<String>,
    /// How long each row takes
    #[arg(long, value_name = "TIME", value_parser = time::parse, default_value = "1")]
    pub time: Duration,
    /// Bytes of a message of a round trip
    #[arg(short, long, value_name = "BYTES", default_value_t = 64)]
    pub size: usize,
    /// One JSON object a line
    #[arg(short, long)]
    pub json: bool,
}

#[derive(Group)]
pub struct Clean {
    /// Which names, with * for any letters: KIND:NAME, or a NAME of any kind
    pub pattern: Option<String>,
    /// Only say what would be removed
    #[arg(short = 'n', long)]
    pub dry_run: bool,
}

#[derive(Group)]
pub struct Remove {
    /// segment:NAME, semaphore:NAME, an endpoint, or a NAME of any kind
    pub name: String,
    /// Remove the name of what is in use, too: whoever holds it keeps it
    #[arg(short, long)]
    pub force: bool,
}

#[derive(Group)]
pub struct Completions {
    /// Which shell
    #[arg(value_enum)]
    pub shell: Shell,
}

#[derive(Group)]
pub struct Man {
    /// The command whose page it is; without it, all pages one after another
    pub command: Option<String>,
    /// Write each page to a file in DIR, such as treenail-send.1
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath,
        conflicts_with = "command")]
    pub dir: Option<PathBuf>,
}
