// SPDX-License-Identifier: BSD-3-Clause
// Who comes when all places of the config socket are taken gets in, and somebody who does nothing goes.
#include "tests/unit/socket_lab.h"

#include <memory>
#include <vector>

using namespace vx;
using namespace vx::test;
using namespace std::chrono_literals;

namespace
{

SocketLimits places(std::size_t count, std::chrono::milliseconds grace = 0ms)
{
    SocketLimits limits;
    limits.client_count = count;
    limits.grace = grace;
    return limits;
}

using Peers = std::vector<std::unique_ptr<Peer>>;

Peers many(const Folder& folder, std::size_t count, std::string_view first_bytes)
{
    Peers peers;
    for (std::size_t i = 0; i < count; ++i) {
        peers.push_back(std::make_unique<Peer>(folder.socket()));
        peers.back()->send(first_bytes);
    }
    return peers;
}

// Gone, having been told why.
bool is_ousted(Peer& peer)
{
    return peer.line().find("had to make room for another; connect again") != std::string::npos && peer.line().empty();
}

} // namespace

TEST_CASE("who comes when all places are taken gets that of the client that was idle for longest")
{
    const Folder folder;
    Server server(folder.socket(), places(3));
    Peer one(folder.socket()), two(folder.socket()), three(folder.socket());
    for (Peer* peer : {&two, &three, &one})
        CHECK(peer->ask(kPing) == kPong);
    Peer four(folder.socket());
    CHECK(four.ask(kPing) == kPong);
    CHECK(is_ousted(two));
    Peer five(folder.socket());
    CHECK(five.ask(kPing) == kPong);
    CHECK(is_ousted(three));
    for (Peer* peer : {&one, &four, &five})
        CHECK(peer->ask(kPing) == kPong);
}

TEST_CASE("a client in the middle of a request keeps its place before those that are idle")
{
    const Folder folder;
    Server server(folder.socket(), places(2));
    const std::string show = run_line({"link", "show"});
    Peer busy(folder.socket());
    busy.send(show.substr(0, 20));
    std::this_thread::sleep_for(20ms);
    Peer idle(folder.socket());
    CHECK(idle.ask(kPing) == kPong);
    CHECK(Peer(folder.socket()).ask(kPing) == kPong);
    CHECK(is_ousted(idle));
    busy.send(show.substr(20));
    CHECK(decode_response(busy.line())->outputs[0] == "link show\n");
}

TEST_CASE("64 clients with half a request, or that never read, lock nobody out")
{
    const Folder folder;
    Server server(folder.socket(), places(64, 1s));
    const std::string first_bytes =
        GENERATE(std::string{}, run_line({"link", "show"}).substr(0, 20), run_line({"big", "1000000"}));
    CAPTURE(first_bytes);
    const Peers peers = many(folder, 64, first_bytes);
    std::this_thread::sleep_for(50ms);
    // All at once, none of them pushes out another.
    Peers newcomers = many(folder, 10, "");
    for (const auto& newcomer : newcomers)
        CHECK(newcomer->ask(kPing) == kPong);
}

TEST_CASE("a request that waits to be read keeps its client its place")
{
    const Folder folder;
    Server server(folder.socket(), places(4));
    bool is_answered = true;
    for (int round = 0; round < 200; ++round) {
        Peers peers = many(folder, 4, kPing);
        for (const auto& peer : peers)
            is_answered = is_answered && peer->line() == kPong;
    }
    CHECK(is_answered);
}
