// SPDX-License-Identifier: BSD-3-Clause
#include "control/base/event_loop.h"

#include <catch2/catch.hpp>

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <csignal>
#include <new>
#include <thread>

using namespace vx;
using namespace std::chrono_literals;

namespace
{

struct Pair {
    Pair()
    {
        std::array<int, 2> fds{};
        REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()) == 0);
        a = FileDescriptor(fds[0]);
        b = FileDescriptor(fds[1]);
    }
    FileDescriptor a, b;
};

std::unique_ptr<EventLoop> make_loop()
{
    return EventLoop::create().value();
}

} // namespace

TEST_CASE("a descriptor's callback runs when it is readable, and not after unwatch")
{
    auto loop = make_loop();
    Pair pair;
    int calls = 0;
    REQUIRE(loop->watch(pair.a.get(), EPOLLIN, [&](std::uint32_t events) {
        CHECK((events & EPOLLIN) != 0);
        loop->unwatch(pair.a.get()); // within its own callback; the byte is never read
        ++calls;
    }));
    REQUIRE(loop->every(20ms, [&] { loop->stop(); }));
    REQUIRE(write(pair.b.get(), "x", 1) == 1);
    REQUIRE(loop->run());
    CHECK(calls == 1);
}

TEST_CASE("an event of a descriptor that an earlier callback of the turn unwatched is not delivered")
{
    auto loop = make_loop();
    Pair one, two;
    int calls = 0;
    const auto callback = [&](std::uint32_t) {
        loop->unwatch(one.a.get());
        loop->unwatch(two.a.get());
        ++calls;
        loop->stop();
    };
    REQUIRE(loop->watch(one.a.get(), EPOLLIN, callback));
    REQUIRE(loop->watch(two.a.get(), EPOLLIN, callback));
    REQUIRE(write(one.b.get(), "x", 1) == 1);
    REQUIRE(write(two.b.get(), "x", 1) == 1);
    REQUIRE(loop->run());
    CHECK(calls == 1);
}

TEST_CASE("change() decides what is waited for")
{
    auto loop = make_loop();
    Pair pair;
    int calls = 0;
    REQUIRE(loop->watch(pair.a.get(), 0, [&](std::uint32_t) { ++calls; }));
    REQUIRE(loop->every(20ms, [&] { loop->stop(); }));
    REQUIRE(loop->run());
    CHECK(calls == 0);
    REQUIRE(loop->change(pair.a.get(), EPOLLOUT));
    REQUIRE(loop->run());
    CHECK(calls > 0);
    CHECK_FALSE(loop->change(pair.b.get(), EPOLLIN));
}

TEST_CASE("a timer is periodic until it is cancelled")
{
    auto loop = make_loop();
    int ticks = 0;
    int timer = -1;
    timer = loop->every(1ms,
                        [&] {
                            if (++ticks == 3)
                                loop->cancel(timer); // within its own callback
                        })
                .value();
    REQUIRE(loop->every(50ms, [&] { loop->stop(); }));
    REQUIRE(loop->run());
    CHECK(ticks == 3);
}

TEST_CASE("stop() from another thread ends a loop that sleeps")
{
    auto loop = make_loop();
    std::thread other([&] {
        std::this_thread::sleep_for(5ms);
        loop->stop();
    });
    CHECK(loop->run());
    other.join();
}

TEST_CASE("stop() before run() is not lost")
{
    auto loop = make_loop();
    loop->stop();
    CHECK(loop->run());
}

TEST_CASE("signals arrive in the loop")
{
    auto loop = make_loop();
    int got = 0;
    REQUIRE(loop->on_signals({SIGUSR1, SIGUSR2}, [&](int signal) {
        got = signal;
        loop->stop();
    }));
    REQUIRE(raise(SIGUSR2) == 0);
    REQUIRE(loop->run());
    CHECK(got == SIGUSR2);
}

TEST_CASE("a callback that throws is counted, and the loop and the other callbacks go on")
{
    auto loop = make_loop();
    int calls = 0;
    REQUIRE(loop->every(1ms, [&]() -> void {
        ++calls;
        throw std::bad_alloc();
    }));
    REQUIRE(loop->every(20ms, [&] { loop->stop(); }));
    REQUIRE(loop->run());
    CHECK(calls > 0);
    CHECK(loop->failures() == static_cast<std::uint64_t>(calls));
}
