// SPDX-License-Identifier: BSD-3-Clause
// What hosts ask of vxd while it carries out a long request.
#include "control/wire/wire.h"
#include "tests/unit/host_stack_lab.h"
#include "tests/unit/rack.h"

using namespace vx;
using namespace vx::test;

namespace
{

constexpr int kEntries = 20'000;

std::string entries(std::string_view verb)
{
    std::string script;
    for (int i = 0; i < kEntries; ++i)
        script += fmt::format("fdb {} 02:00:00:01:{:02x}:{:02x} dev c0 master static\n", verb, i >> 8, i & 255);
    return script;
}

// A gateway and a container that asks for its MAC. The clock goes on a millisecond whenever it is looked at.
class Gateway
{
public:
    Gateway()
    {
        vxd_("link add br0 type bridge\naddr add 10.9.0.1/24 dev br0\n"
             "link add c0 type vdev args net_ring_c0\nlink set c0 master br0\n");
    }
    Daemon& vxd() { return vxd_; }

    // So many looks at the clock from now.
    void ask_later(const char* address, int looks)
    {
        asked_ms_ = now_ms_ + looks;
        address_ = address;
    }
    void ask_for(const char* address)
    {
        take_replies();
        const auto request = arp_request("10.9.0.2", address);
        Frame frame;
        for (const std::byte byte : request)
            frame.push_back(std::to_integer<std::uint8_t>(byte));
        REQUIRE(port_->give(mbuf_of(frame)));
        CHECK(take_replies() == 0); // it is the control thread's turn
    }
    // ARP replies that have left since.
    std::size_t take_replies()
    {
        std::size_t count = 0;
        while (vxd_.dataplane().run_once()) {
        }
        while (rte_mbuf* const mbuf = port_->take()) {
            const Frame frame = frame_of(mbuf);
            rte_pktmbuf_free(mbuf);
            count += frame.size() >= 22 && frame[12] == 8 && frame[13] == 6 && frame[21] == 2 ? 1 : 0;
        }
        return count;
    }

private:
    std::unique_ptr<RingPort> port_ = ring("c0");
    std::int64_t now_ms_ = 0;
    std::int64_t asked_ms_ = -1;
    const char* address_ = nullptr;
    Daemon vxd_{{0}, 4095, [this] {
                    if (++now_ms_ == asked_ms_)
                        ask_for(address_);
                    return now_ms_;
                }};
};

} // namespace

TEST_CASE("ARP is answered in the middle of what shows or changes many entries")
{
    constexpr int kLooks = 20;
    Gateway gateway;
    const auto check = [&](auto request) {
        gateway.ask_later("10.9.0.1", kLooks);
        request();
        CHECK(gateway.take_replies() == 1);
    };
    check([&] { gateway.vxd()(entries("add")); });
    check([&] { CHECK(gateway.vxd().json("fdb show").size() >= kEntries); });
    check([&] { gateway.vxd()("fdb show"); });
    check([&] { gateway.vxd()(entries("del")); });
}

TEST_CASE("nobody is answered for an address of a transaction that is taken back")
{
    Gateway gateway;
    gateway.ask_later("10.9.0.77", 20);
    const Response failed = gateway.vxd().run("addr add 10.9.0.77/24 dev br0\n" + entries("add") + "link add\n");
    REQUIRE(failed.failures.size() == 1);
    CHECK(failed.failures[0].index == kEntries + 1);
    CHECK(gateway.take_replies() == 0);
    gateway.vxd().controller().poll();
    CHECK(gateway.take_replies() == 0);
}

TEST_CASE("a long reply is written in pieces, with a turn for others between them")
{
    Request request;
    request.id = 1;
    Response response;
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (int i = 0; i < 1000; ++i)
        rows.push_back({{"mac", std::to_string(i)}});
    response.outputs.push_back(rows);
    response.outputs.push_back("text");
    int turns = 0;
    const std::string line = encode_response(request, response, [&] { ++turns; });
    CHECK(turns >= 1000 / 64);
    CHECK(line ==
          R"({"jsonrpc":"2.0","id":1,"result":{"outputs":[)" + rows.dump() + R"(,"text"],"warnings":[]}})" + "\n");
}
