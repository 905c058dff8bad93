// SPDX-License-Identifier: BSD-3-Clause
// The config socket when one allocation fails, whichever: its client is told so, and everybody else is served.
#include "tests/support/failing_new.h"
#include "tests/unit/daemon_lab.h"
#include "tests/unit/socket_lab.h"

using namespace vx;
using namespace vx::test;
using namespace std::chrono_literals;

namespace
{

// A server whose loop is this thread's, with a whole vxd behind it.
class Served
{
public:
    Served() : loop_(EventLoop::create().value())
    {
        vxd.tutorial();
        server_ = SocketServer::start(*loop_, folder_.socket(), "0.1.0", [this](const Request& request) {
                      return vxd.controller().run(request);
                  }).value();
        REQUIRE(loop_->every(200us, [this] {
            if (--looks_ <= 0 || peer_->is_readable())
                loop_->stop();
        }));
    }
    const std::string path() const { return folder_.socket(); }
    // Until the client has an answer, or has none for a minute.
    void run(const Peer& peer)
    {
        peer_ = &peer;
        looks_ = 300'000;
        REQUIRE(loop_->run());
        REQUIRE(looks_ > 0);
    }

    Daemon vxd;

private:
    Folder folder_;
    std::unique_ptr<EventLoop> loop_;
    std::unique_ptr<SocketServer> server_;
    const Peer* peer_ = nullptr;
    int looks_ = 0;
};

std::string request_of(std::string_view script, Method method)
{
    Request request;
    request.id = 1;
    request.method = method;
    request.commands = parse_script(script, "test").value().commands;
    return encode_request(request).value();
}

} // namespace

TEST_CASE(
    "whichever allocation of a connection, a request or a stream fails, its client is told, and the next is served")
{
    // Where JSON is made, no more fail than are made good for: its destruction does not survive that.
    const auto [script, method, burst] = GENERATE(table<std::string, Method, std::uint64_t>({
        {"link show", Method::kRun, 3},
        {"fdb show\nstats show\n", Method::kRun, 3},
        {"link del nothing", Method::kRun, 20},
        {"monitor", Method::kStream, 20},
        {"capture br0", Method::kStream, 20},
    }));
    CAPTURE(script);
    Served served;
    const std::string line = request_of(script, method);
    std::string whole; // the answer of who has memory
    std::uint64_t refused = 0;
    std::vector<std::string> answers;
    for (std::uint64_t nth = 1;; ++nth) {
        CAPTURE(nth);
        bool has_failed = false;
        {
            Peer peer(served.path());
            peer.send(line);
            {
                const FailingNew failing(nth, burst);
                served.run(peer);
                has_failed = failing.has_failed();
            }
            const std::string answer = peer.line();
            CAPTURE(answer);
            REQUIRE_FALSE(answer.empty());
            refused += has(answer, "memory") ? 1 : 0;
            if (!has(answer, "memory"))
                answers.push_back(answer);
        }
        Peer next(served.path());
        next.send(kPing);
        served.run(next);
        REQUIRE(next.line() == kPong);
        served.vxd.controller().tick(); // streams that have ended are gone
        if (!has_failed)
            break;
    }
    CHECK((refused > 0) == (burst > 3));
    if (!has(script, "stats"))
        CHECK(std::ranges::all_of(answers, [&](const std::string& answer) { return answer == answers.back(); }));
}
