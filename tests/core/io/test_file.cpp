#include "core/io/file.h"

#include "core/io/safetensors.h"
#include "tests/support/catch.h"
#include "tests/support/support.h"
#include "tests/support/temporary_directory.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <csignal>

using namespace swingrad;
using namespace swingrad::test;

namespace {

// No file may grow past `bytes` while this lives: what a full disk looks like to one program.
class SmallDisk {
  public:
    explicit SmallDisk(rlim_t bytes) {
        old_handler_ = std::signal(SIGXFSZ, SIG_IGN);
        ::getrlimit(RLIMIT_FSIZE, &old_);
        const rlimit limit{bytes, old_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~SmallDisk() {
        ::setrlimit(RLIMIT_FSIZE, &old_);
        std::signal(SIGXFSZ, old_handler_);
    }

  private:
    rlimit old_{};
    void (*old_handler_)(int);
};

// Permissions mean nothing to root, so root becomes somebody else for a while.
class Unprivileged {
  public:
    Unprivileged() : user_(::geteuid()) {
        if (user_ == 0) check(::seteuid(65534) == 0, "[test] cannot become nobody");
    }
    ~Unprivileged() { (void)!::seteuid(user_); }

  private:
    uid_t user_;
};

}  // namespace

TEST_CASE("a file is written from its parts and read as one") {
    const TemporaryDirectory directory;
    const std::array<std::string_view, 3> parts{"one ", "", std::string_view("two\0", 4)};
    write_file_atomically(directory / "f", parts);
    REQUIRE(read_file(directory / "f") == std::string("one two\0", 8));
    write_file_atomically(directory / "f", "");
    REQUIRE(read_file(directory / "f").empty());
    REQUIRE(directory.entries() == 1);
}

TEST_CASE("a file that cannot be read is an error with the system's reason") {
    const TemporaryDirectory directory;
    const std::string path = (directory / "f").string(), where = directory.path().string();
    REQUIRE(error_of([&] { read_file(path); }) == "[file] " + path + ": No such file or directory");
    REQUIRE(error_of([&] { read_safetensors(path); }) == "[file] " + path + ": No such file or directory");
    REQUIRE(error_of([&] { read_file(where); }) == "[file] " + where + ": Is a directory");
    REQUIRE(error_of([] { read_file("/dev/zero"); }) == "[file] /dev/zero: not a regular file");
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    REQUIRE(error_of([&] { read_file(path); }) == "[file] " + path + ": not a regular file");
    ::unlink(path.c_str());
    write_file_plainly(path, "secret");
    std::filesystem::permissions(directory.path(), std::filesystem::perms::all);
    std::filesystem::permissions(path, std::filesystem::perms::none);
    const Unprivileged somebody;
    REQUIRE(error_of([&] { read_file(path); }) == "[file] " + path + ": Permission denied");
}

TEST_CASE("what is no regular file is neither written over nor waited for") {
    const TemporaryDirectory directory;
    const std::string pipe = (directory / "pipe").string(), socket_path = (directory / "socket").string();
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket_path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    for (const std::string& path : {pipe, socket_path}) {
        const std::string expected = "[file] " + path + ": not a regular file";
        REQUIRE(error_of([&] { read_file(path); }) == expected);
        REQUIRE(error_of([&] { append_to_file(path, "x"); }) == expected);  // without a reader, it would wait for one
        REQUIRE(error_of([&] { write_file_atomically(path, "x"); }) == expected);
    }
    const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
    REQUIRE(error_of([&] { append_to_file(pipe, "x"); }) == "[file] " + pipe + ": not a regular file");
    const std::string link = fmt::format("/proc/self/fd/{}", reader);  // what it leads to has no name
    REQUIRE(error_of([&] { write_file_atomically(link, "x"); }) == "[file] " + link + ": not a regular file");
    ::close(reader);
    ::close(socket);
}

TEST_CASE("reading past the end of a file is an error") {
    const TemporaryDirectory directory;
    const std::string path = (directory / "f").string();
    write_file_plainly(path, "12345");
    const InputFile file(path);
    std::array<char, 8> buffer{};
    REQUIRE(error_of([&] { file.read(2, buffer.data(), 4); }) ==
            "[file] " + path + ": ends at byte 5, cannot read 4 bytes from 2");
    REQUIRE(error_of([&] { file.read(~uint64_t{0}, buffer.data(), 4); }) ==
            "[file] " + path + ": ends at byte 5, cannot read 4 bytes from 18446744073709551615");
    file.read(5, buffer.data(), 0);
    std::filesystem::resize_file(path, 3);
    REQUIRE(error_of([&] { file.read(0, buffer.data(), 5); }) ==
            "[file] " + path + ": became shorter than its 5 bytes while it was read");
}

TEST_CASE("a write that fails half-way leaves the old file and nothing else") {
    const TemporaryDirectory directory;
    const std::string path = (directory / "f").string();
    write_file_atomically(path, "old");
    const std::string big(100000, 'x');
    const auto failing = [&] {
        const SmallDisk disk(4096);
        return error_of([&] { write_file_atomically(path, big); });
    }();
    REQUIRE(failing == "[file] " + path + ": cannot write: File too large");
    REQUIRE(read_file(path) == "old");
    REQUIRE(directory.entries() == 1);

    const auto tensors = [&] {
        const SmallDisk disk(4096);
        return error_of([&] { write_safetensors(path, {{"a", Tensor::zeros({5000})}}); });
    }();
    REQUIRE(tensors == "[file] " + path + ": cannot write: File too large");
    REQUIRE(read_file(path) == "old");
    REQUIRE(directory.entries() == 1);
}

TEST_CASE("a directory that cannot be written to is an error, and its file stays") {
    const TemporaryDirectory directory;
    const std::string path = (directory / "f").string(), missing = (directory / "no/f").string();
    write_file_atomically(path, "old");
    REQUIRE(error_of([&] { write_file_atomically(missing, "new"); }) ==
            "[file] " + missing + ": cannot write beside it: No such file or directory");
    using std::filesystem::perms;
    std::filesystem::permissions(directory.path(),
                                 perms::owner_read | perms::owner_exec | perms::others_read | perms::others_exec);
    {
        const Unprivileged somebody;
        REQUIRE(error_of([&] { write_file_atomically(path, "new"); }) ==
                "[file] " + path + ": cannot write beside it: Permission denied");
    }
    std::filesystem::permissions(directory.path(), perms::owner_all);
    REQUIRE(read_file(path) == "old");
    REQUIRE(directory.entries() == 1);
}

TEST_CASE("only a regular file is replaced") {
    const TemporaryDirectory directory;
    const std::string where = directory.path().string();
    REQUIRE(error_of([&] { write_file_atomically(where, "x"); }) == "[file] " + where + ": Is a directory");
    REQUIRE(error_of([] { write_file_atomically("/dev/full", "x"); }) == "[file] /dev/full: not a regular file");
}

TEST_CASE("a write follows a symbolic link and keeps permissions") {
    const TemporaryDirectory directory;
    write_file_plainly(directory / "real", "old");
    std::filesystem::permissions(directory / "real",
                                 std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    std::filesystem::create_symlink("real", directory / "link");
    write_file_atomically(directory / "link", "new");
    REQUIRE(std::filesystem::is_symlink(directory / "link"));
    REQUIRE(read_file(directory / "real") == "new");
    struct stat status {};
    REQUIRE(::stat((directory / "real").c_str(), &status) == 0);
    REQUIRE((status.st_mode & 0777) == 0600);

    std::filesystem::create_symlink("nowhere", directory / "dangling");
    const std::string dangling = (directory / "dangling").string();
    REQUIRE(error_of([&] { write_file_atomically(dangling, "x"); }) ==
            "[file] " + dangling + ": No such file or directory");
}

TEST_CASE("text is added at a file's end, and a failed addition leaves none of it") {
    const TemporaryDirectory directory;
    const std::string path = (directory / "log").string();
    append_to_file(path, "one\n");
    append_to_file(path, "two\n");
    REQUIRE(read_file(path) == "one\ntwo\n");
    const auto failing = [&] {
        const SmallDisk disk(4096);
        return error_of([&] { append_to_file(path, std::string(5000, 'x')); });
    }();
    REQUIRE(failing == "[file] " + path + ": cannot write: File too large");
    REQUIRE(read_file(path) == "one\ntwo\n");
    std::filesystem::create_symlink("log", directory / "link");
    const std::string link = (directory / "link").string();
    REQUIRE(error_of([&] { append_to_file(link, "three\n"); }) ==
            "[file] " + link + ": cannot write: Too many levels of symbolic links");
    REQUIRE(read_file(path) == "one\ntwo\n");
}

TEST_CASE("a file takes another's place, which keeps a name of its own") {
    const TemporaryDirectory directory;
    const auto next = directory / "next", current = directory / "current", previous = directory / "previous";
    const auto advance = [&](const std::string& contents) {
        write_file_plainly(next, contents);
        replace_file(next, current, previous);
        REQUIRE(!std::filesystem::exists(next));
        REQUIRE(contents_of(current) == contents);
    };
    advance("1");
    REQUIRE(directory.entries() == 1);
    for (int i = 2; i <= 4; ++i) {
        advance(std::to_string(i));
        REQUIRE(contents_of(previous) == std::to_string(i - 1));
        REQUIRE(directory.entries() == 2);
    }
    // Killed when the last already had its second name, or when that name was not yet in its place.
    std::filesystem::remove(previous);
    std::filesystem::create_hard_link(current, previous);
    write_file_plainly(directory / ".previous.tmp", "x");
    advance("5");
    REQUIRE(contents_of(previous) == "4");
    REQUIRE(directory.entries() == 2);
}

TEST_CASE("folders are made with those they lie in") {
    const TemporaryDirectory directory;
    REQUIRE(make_folders(directory / "a/b/c"));
    REQUIRE(std::filesystem::is_directory(directory / "a/b/c"));
    REQUIRE(!make_folders(directory / "a/b"));
    REQUIRE(make_folders(directory / "a/d/"));
    REQUIRE(!make_folders(directory / "a/d/"));
    REQUIRE(make_folder(directory / "a/e"));
    REQUIRE(!make_folder(directory / "a/e"));
    REQUIRE(contains(error_of([&] { make_folder(directory / "b/c"); }), "[file] cannot create "));
    REQUIRE(!std::filesystem::exists(directory / "b"));
    write_file_plainly(directory / "file", "x");
    const std::string within = (directory / "file/a/b").string();
    REQUIRE(contains(error_of([&] { make_folders(within); }), "[file] cannot create " + within + ": "));
}
