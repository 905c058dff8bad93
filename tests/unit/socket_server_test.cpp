// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/socket_lab.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <thread>

using namespace vx;
using namespace vx::test;
using namespace std::chrono_literals;

namespace
{

std::string start_failure(const std::string& path)
{
    auto loop = EventLoop::create().value();
    const auto server = SocketServer::start(*loop, path, "0", [](const Request&) { return Response{}; });
    REQUIRE_FALSE(server.has_value());
    return server.error().message;
}

bool exists(const std::string& path)
{
    return access(path.c_str(), F_OK) == 0;
}

} // namespace

TEST_CASE("a command is answered, in pieces and in packs")
{
    const Folder folder;
    Server server(folder.socket());
    Peer peer(folder.socket());
    CHECK(peer.ask(kPing) == kPong);
    const std::string show = run_line({"link", "show"});
    CHECK(decode_response(peer.ask(show))->outputs[0] == "link show\n");
    for (const char c : show)
        peer.send(std::string_view(&c, 1));
    CHECK(decode_response(peer.line())->outputs[0] == "link show\n");
    std::string pack;
    for (int i = 0; i < 1000; ++i)
        pack += run_line({"n", std::to_string(i)});
    std::thread sender([&] { peer.send(pack); });
    bool is_in_order = true;
    for (int i = 0; i < 1000; ++i)
        is_in_order = is_in_order && decode_response(peer.line())->outputs[0] == fmt::format("n {}\n", i);
    sender.join();
    CHECK(is_in_order);
    // A peer that is done sending is still answered.
    peer.send(show);
    peer.shut();
    CHECK(decode_response(peer.line())->outputs[0] == "link show\n");
    CHECK(peer.line().empty());
}

TEST_CASE("a large batch is one request")
{
    const Folder folder;
    Server server(folder.socket());
    Peer peer(folder.socket());
    Request request;
    request.id = 1;
    for (int i = 0; i < 200'000; ++i)
        request.commands.add(CommandWords{"fdb", "append", "02:42:ac:12:14:02", "dev", "vxlan100", "dst", "192.0.2.2"});
    const std::string line = encode_request(request).value();
    CHECK(peer.send(line) == line.size());
    CHECK(decode_response(peer.line())->outputs.size() == 200'000);
    CHECK(peer.ask(kPing) == kPong);
}

TEST_CASE("garbage is answered with an error, and the connection goes on after it")
{
    const Folder folder;
    Server server(folder.socket());
    Peer peer(folder.socket());
    for (const char* garbage : {"hello\n", "[]\n", "{\n", "{}\n", "{\"a\n", "\xff\n", "{{{{{{{{{{{{\n", "}\n"}) {
        CAPTURE(garbage);
        CHECK(peer.ask(garbage).find("\"error\"") != std::string::npos);
        CHECK(peer.ask(kPing) == kPong);
    }
    CHECK(peer.ask("\n  \n\t" + std::string(kPing)) == kPong); // blank lines are nothing
    CHECK(server.handled() == 0);
}

TEST_CASE("ten megabytes without a line end are an error and the end of that client only")
{
    const Folder folder;
    Server server(folder.socket());
    Peer other(folder.socket());
    const char* const start = GENERATE("", "{", "{\"", R"({"jsonrpc":"2.0","params":{"commands":[[)");
    const char fill = GENERATE('x', '[', '\xff', '\0');
    CAPTURE(start, fill);
    Peer peer(folder.socket());
    CHECK(peer.send(start + std::string(10 << 20, fill)) < std::size_t{10} << 20);
    CHECK(peer.line().find("\"error\"") != std::string::npos);
    CHECK(peer.line().empty());
    CHECK(other.ask(kPing) == kPong);
}

TEST_CASE("half a request and then the end is an error that says what was expected, and has no effect")
{
    const Folder folder;
    Server server(folder.socket());
    const std::string show = run_line({"link", "show"});
    for (std::size_t size = 1; size < show.size(); ++size) {
        Peer peer(folder.socket());
        peer.send(std::string(kPing) + show.substr(0, size));
        peer.shut();
        CHECK(peer.line() == kPong);
        const std::string reply = peer.line();
        CHECK(reply.find("-32700") != std::string::npos);
        CHECK(reply.find("expected a complete JSON text ended by a newline") != std::string::npos);
        CHECK(peer.line().empty());
    }
    for (const char* nothing : {"", "\n", " \t\r\n "}) {
        Peer peer(folder.socket());
        peer.send(nothing);
        peer.shut();
        CHECK(peer.line().empty());
    }
    Peer refused(folder.socket());
    refused.send("hello"); // one error is enough
    refused.shut();
    CHECK(refused.line().find("\"error\"") != std::string::npos);
    CHECK(refused.line().empty());
    CHECK(server.handled() == 0);
    CHECK(Peer(folder.socket()).ask(kPing) == kPong);
}

TEST_CASE("a client that never reads is not served further, does not stop another, and is closed in time")
{
    const Folder folder;
    SocketLimits limits;
    limits.unread = 300ms;
    Server server(folder.socket(), limits);
    Peer deaf(folder.socket());
    const std::string big = run_line({"big", "4000000"});
    for (int i = 0; i < 20; ++i)
        deaf.send(big);
    Peer other(folder.socket());
    for (int i = 0; i < 100; ++i)
        CHECK(other.ask(kPing) == kPong);
    CHECK(server.handled() == 1);
    std::this_thread::sleep_for(700ms);
    CHECK(deaf.send("x") == 0);       // closed
    CHECK(other.ask(kPing) == kPong); // idle, but not in the middle of anything
}

TEST_CASE("a reply that is too long for what may be buffered becomes an error")
{
    const Folder folder;
    SocketLimits limits;
    limits.buffered = 1 << 20;
    Server server(folder.socket(), limits);
    Peer peer(folder.socket());
    CHECK(peer.ask(run_line({"big", "2000000"})).find("too long") != std::string::npos);
    CHECK(peer.ask(kPing) == kPong);
}

TEST_CASE("a request beyond what may be buffered ends its client")
{
    const Folder folder;
    SocketLimits limits;
    limits.buffered = 1 << 20;
    Server server(folder.socket(), limits);
    Peer peer(folder.socket());
    Request request;
    request.id = 1;
    for (int i = 0; i < 200'000; ++i)
        request.commands.add(CommandWords{"link", "show"});
    peer.send(encode_request(request).value());
    CHECK(peer.line().find("\"error\"") != std::string::npos);
    CHECK(peer.line().empty());
    CHECK(server.handled() == 0);
}

TEST_CASE("an exception in a handler is an error for its client")
{
    const Folder folder;
    Server server(folder.socket());
    Peer peer(folder.socket());
    CHECK(peer.ask(run_line({"throw"})).find("which has no effect: a bug") != std::string::npos);
    CHECK(peer.ask(kPing) == kPong);
}

TEST_CASE("the socket is for owner and group, and goes with the server")
{
    const Folder folder;
    const mode_t before = umask(0);
    {
        Server server(folder.socket());
        struct stat status;
        REQUIRE(stat(folder.socket().c_str(), &status) == 0);
        CHECK(S_ISSOCK(status.st_mode));
        CHECK((status.st_mode & 0777) == 0660);
    }
    umask(before);
    CHECK_FALSE(exists(folder.socket()));
    CHECK_FALSE(exists(folder.socket() + ".lock"));
}

TEST_CASE("a second server on the same path is refused and does not hurt the first")
{
    const Folder folder;
    Server server(folder.socket());
    CHECK(start_failure(folder.socket()) ==
          fmt::format("socket {}: another vxd (process {}) already listens on it", folder.socket(), getpid()));
    CHECK(Peer(folder.socket()).ask(kPing) == kPong);
}

TEST_CASE("a server that was killed has its lock until the kernel is done with it: the next one waits for that")
{
    const Folder folder;
    FileDescriptor lock{open((folder.socket() + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
    REQUIRE(flock(lock.get(), LOCK_EX | LOCK_NB) == 0);
    std::thread dying([&] {
        std::this_thread::sleep_for(50ms);
        lock = FileDescriptor{};
    });
    const auto listener = UnixListener::open(folder.socket());
    dying.join();
    CHECK(listener.has_value());
}

TEST_CASE("a socket that somebody else listens on is left alone")
{
    const Folder folder;
    const auto first = UnixListener::open(folder.socket());
    REQUIRE(unlink((folder.socket() + ".lock").c_str()) == 0); // as if it had no lock
    CHECK(start_failure(folder.socket()).find("another process listens on it") != std::string::npos);
    CHECK(exists(folder.socket()));
}

TEST_CASE("the socket of a server that was killed is replaced")
{
    const Folder folder;
    const pid_t child = fork();
    if (child == 0) {
        const auto listener = UnixListener::open(folder.socket());
        kill(getpid(), SIGKILL);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(exists(folder.socket()));
    Server server(folder.socket());
    CHECK(Peer(folder.socket()).ask(kPing) == kPong);
}

TEST_CASE("what is not a socket is never removed")
{
    const Folder folder;
    {
        const FileDescriptor file(open(folder.socket().c_str(), O_CREAT | O_WRONLY, 0600));
        REQUIRE(write(file.get(), "data", 4) == 4);
    }
    CHECK(start_failure(folder.socket()).find("is not a socket") != std::string::npos);
    struct stat status;
    REQUIRE(stat(folder.socket().c_str(), &status) == 0);
    CHECK(status.st_size == 4);
    REQUIRE(unlink(folder.socket().c_str()) == 0);
    REQUIRE(symlink("/nonexistent", folder.socket().c_str()) == 0);
    CHECK(start_failure(folder.socket()).find("is not a socket") != std::string::npos);
}

TEST_CASE("a path that cannot be used is refused in words")
{
    CHECK(start_failure("").find("1 to 107 bytes") != std::string::npos);
    CHECK(start_failure(std::string(200, 'a')).find("1 to 107 bytes") != std::string::npos);
    CHECK(start_failure("/nonexistent/vxd.sock").find("No such file or directory") != std::string::npos);
}

TEST_CASE("of many that start at once exactly one wins")
{
    const Folder folder;
    for (int round = 0; round < 20; ++round) {
        std::atomic<int> winners = 0, done = 0;
        std::vector<std::thread> starters;
        for (int i = 0; i < 8; ++i)
            starters.emplace_back([&] {
                const auto listener = UnixListener::open(folder.socket());
                winners += listener.has_value() ? 1 : 0;
                ++done;
                while (done != 8)
                    std::this_thread::yield();
            });
        for (std::thread& starter : starters)
            starter.join();
        CHECK(winners == 1);
        CHECK_FALSE(exists(folder.socket()));
    }
}

TEST_CASE("a lock file that is another name of a file, or somebody else's, is refused and left as it is")
{
    const Folder folder;
    const std::string victim = folder.path + "/victim";
    const std::string lock = folder.socket() + ".lock";
    const auto content = [](const std::string& path) {
        std::ifstream file(path);
        return std::string(std::istreambuf_iterator<char>(file), {});
    };
    std::ofstream(victim) << "precious";
    SECTION("a hard link")
    {
        REQUIRE(link(victim.c_str(), lock.c_str()) == 0);
        CHECK(start_failure(folder.socket()).find(lock + " is a hard link") != std::string::npos);
    }
    SECTION("a symbolic link")
    {
        REQUIRE(symlink(victim.c_str(), lock.c_str()) == 0);
        CHECK(start_failure(folder.socket()).find("symbolic link") != std::string::npos);
    }
    SECTION("another user's")
    {
        std::ofstream(lock) << "theirs";
        REQUIRE(chown(lock.c_str(), 42001, 42001) == 0);
        CHECK(start_failure(folder.socket()).find(lock + " is of user 42001") != std::string::npos);
        CHECK(content(lock) == "theirs");
    }
    CHECK(content(victim) == "precious");
    CHECK(exists(lock)); // it is not ours to remove
}
