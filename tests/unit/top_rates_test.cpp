// SPDX-License-Identifier: BSD-3-Clause
// What `vxctl top` makes of two looks at a vxd: rates, numbers as they are written, words of its command line.
#include "tests/unit/top_lab.h"
#include "tools/vxctl/top/lines.h"
#include "tools/vxctl/top/numbers.h"
#include "tools/vxctl/top/top.h"

#include <catch2/catch.hpp>

#include <cmath>

using namespace vx;
using namespace vx::test;
using namespace vx::top;

namespace
{

std::string parse_error(const CommandWords& words)
{
    const auto parsed = parse(words, Output::kText);
    return parsed ? "" : parsed.error().message;
}

FakeVxd one_port()
{
    FakeVxd vxd;
    vxd.add_link(1, "c1", "tap", "br0");
    return vxd;
}

} // namespace

TEST_CASE("a number is written with at most three digits, a point and a unit")
{
    for (double value = 0.001; value < 9e18; value *= 1.07) {
        const std::string text = short_number(value);
        INFO(value << " " << text);
        CHECK(text.size() <= 5);
        const std::size_t unit = std::string_view("kMGTPE").find(text.back());
        const double scale = unit == std::string_view::npos ? 1 : std::pow(1000, unit + 1);
        CHECK(std::stod(text) * scale == Approx(value).epsilon(0.006).margin(0.5)); // whole ones below 1000
    }
}

TEST_CASE("numbers change their unit where a fourth digit would come")
{
    CHECK(short_number(0) == "0");
    CHECK(short_number(0.5) == "0.5");
    CHECK(short_number(3) == "3");
    CHECK(short_number(9.96) == "10");
    CHECK(short_number(999) == "999");
    CHECK(short_number(999.6) == "1.00k");
    CHECK(short_number(1000) == "1.00k");
    CHECK(short_number(12'345) == "12.3k");
    CHECK(short_number(999'600) == "1.00M");
    CHECK(short_number(31'700'000) == "31.7M");
    CHECK(short_number(25e9) == "25.0G");
    CHECK(percent(0.345) == "34.5%");
    CHECK(short_time(3e-9) == "3ns");
    CHECK(short_time(0.9996e-6) == "1.0us");
    CHECK(short_time(15e-6) == "15us");
    CHECK(short_time(0.25) == "250ms");
    CHECK(short_time(7) == "7.0s");
}

TEST_CASE("a quantile of a histogram by powers of two lies in the place that it falls into")
{
    std::vector<std::uint64_t> counts(48);
    CHECK_FALSE(quantile_of_log2(counts, 0.5).has_value());
    counts[10] = 98;
    counts[20] = 2;
    const auto p50 = quantile_of_log2(counts, 0.5);
    CHECK(p50.value() >= 1024);
    CHECK(p50.value() < 2048);
    CHECK(quantile_of_log2(counts, 0.98).value() == Approx(2048));
    const auto p99 = quantile_of_log2(counts, 0.99);
    CHECK(p99.value() >= 1 << 20);
    CHECK(p99.value() < 1 << 21);
    CHECK(quantile_of_log2(counts, 1.0).value() == Approx(1 << 21));
    for (std::size_t place = 0; place < counts.size(); ++place) {
        std::vector<std::uint64_t> one(48);
        one[place] = 1000;
        double last = 0;
        for (const double quantile : {0.01, 0.5, 0.99, 1.0}) {
            const double value = quantile_of_log2(one, quantile).value();
            CHECK(value > last);
            last = value;
        }
        CHECK(last == Approx(std::exp2(place + 1)));
    }
}

TEST_CASE("rates are differences by the seconds between, and bits are eight to the byte")
{
    FakeVxd vxd = one_port();
    vxd.counters("c1")["rx"] = {{"packets", 1000}, {"bytes", 64'000}};
    const Sample before = vxd.sample(10);
    vxd.counters("c1")["rx"] = {{"packets", 3000}, {"bytes", 164'000}, {"missed", 20}};
    vxd.counters("c1")["tx"] = {{"packets", 5}, {"bytes", 300}};
    vxd.counters("c1")["drops"] = {{"no_route", 10}};
    const Rates rates = rates_of(before, vxd.sample(12.5));
    CHECK(rates.seconds == Approx(2.5));
    REQUIRE(rates.devices.size() == 1);
    CHECK(rates.devices[0].rx.packets == Approx(800));
    CHECK(rates.devices[0].rx.bits == Approx(320'000));
    CHECK(rates.devices[0].tx.packets == Approx(2));
    CHECK(rates.devices[0].drops == Approx(12));
    REQUIRE(rates.drops.size() == 2);
    CHECK(rates.drops[0].reason == "rx_missed"); // more of it
    CHECK(rates.drops[0].meaning == "came to the port, and found its queue full");
    CHECK(rates.drops[1].rate == Approx(4));
    CHECK(rates.drops[1].total == 10);
    CHECK(rates.drops[1].meaning == "no route to the destination");
    CHECK(rates.drop_rate() == Approx(12));
    CHECK(rates.fdb_entries == 7);
}

TEST_CASE("a counter that is smaller than before began anew, and counts from zero")
{
    FakeVxd vxd = one_port();
    vxd.counters("c1")["rx"] = {{"packets", 1'000'000}, {"bytes", 64'000'000}};
    vxd.counters("c1")["drops"] = {{"no_route", 500}};
    const Sample before = vxd.sample(0);
    vxd.counters("c1")["rx"] = {{"packets", 30}, {"bytes", 2000}};
    vxd.counters("c1")["drops"] = {{"no_route", 4}};
    const Rates rates = rates_of(before, vxd.sample(2));
    CHECK(rates.devices[0].rx.packets == Approx(15));
    CHECK(rates.devices[0].rx.bits == Approx(8000));
    CHECK(rates.devices[0].drops == Approx(2));
}

TEST_CASE("a new device, and one that got another's index, count from zero; one that has gone is not shown")
{
    FakeVxd old = one_port();
    old.counters("c1")["rx"] = {{"packets", 100}, {"bytes", 6400}};
    old.add_link(2, "c2", "tap");
    const Sample before = old.sample(0);
    FakeVxd vxd;
    vxd.add_link(1, "other", "tap")["rx"] = {{"packets", 300}, {"bytes", 0}};
    vxd.add_link(3, "c3", "tap")["rx"] = {{"packets", 50}, {"bytes", 0}};
    const Rates rates = rates_of(before, vxd.sample(1));
    REQUIRE(rates.devices.size() == 2);
    CHECK(rates.devices[0].rx.packets == Approx(300));
    CHECK(rates.devices[1].rx.packets == Approx(50));
}

TEST_CASE(
    "without a full turn a worker's load is the time of its busy turns, by the clock and not by what it says it slept")
{
    FakeVxd vxd;
    vxd.add_worker(3);
    const Sample before = vxd.sample(0);
    Json& worker = vxd.worker(0);
    worker["packets"] = 96'000;
    worker["bursts"] = 4000;
    worker["busy_ticks"] = 1'000'000'000; // half a second of 2 GHz
    worker["sleeps"] = 10;
    worker["bursts_by_packets"][32] = 1000;
    worker["bursts_by_packets"][21] = 3000;
    worker["turns_by_log2_ticks"][12] = 4000;
    const Rates rates = rates_of(before, vxd.sample(2));
    REQUIRE(rates.workers.size() == 1);
    const WorkerRates& rate = rates.workers[0];
    CHECK(rate.cpu == 3);
    CHECK(rate.load == Approx(0.25));
    CHECK(rate.packets == Approx(48'000));
    CHECK(rate.packets_a_burst.value() == Approx(24));
    CHECK(rate.full_bursts.value() == Approx(0.25));
    CHECK_FALSE(rate.ticks_a_packet);
    CHECK(rate.sleeps == Approx(5));
    CHECK(rate.turn_p50.value() == Approx(std::exp2(12.5) / 2e9));
    CHECK(rate.turn_p99.value() == Approx(std::exp2(12.99) / 2e9));
    CHECK(rates.load() == Approx(0.25));
}

TEST_CASE(
    "packets that come one by one make no worker look slow: full turns say what one costs, and so how much load is")
{
    FakeVxd vxd;
    vxd.add_worker(3);
    Json& worker = vxd.worker(0);
    worker["full_turn_packets"] = 64'000;
    worker["full_turn_ticks"] = 32'000'000; // 500 each, in the past
    const Sample before = vxd.sample(0);
    worker["packets"] = 5000; // each waking somebody, 136 us long
    worker["busy_ticks"] = 1'360'000'000;
    const Rates few = rates_of(before, vxd.sample(1));
    CHECK(few.workers[0].ticks_a_packet.value() == Approx(500));
    CHECK(few.workers[0].load == Approx(5000 * 500 / 2e9));

    const Sample between = vxd.sample(1);
    worker["packets"] = 2'005'000;
    worker["busy_ticks"] = 2'960'000'000;
    worker["full_turn_packets"] = 1'064'000;
    worker["full_turn_ticks"] = 832'000'000; // 800 each now
    const Rates many = rates_of(between, vxd.sample(2));
    CHECK(many.workers[0].ticks_a_packet.value() == Approx(800));
    CHECK(many.workers[0].load == Approx(0.8));

    const Sample last = vxd.sample(2);
    worker["packets"] = 2'205'000; // cheaper than in full turns: no more than what was spent
    worker["busy_ticks"] = 3'060'000'000;
    CHECK(rates_of(last, vxd.sample(3)).workers[0].load == Approx(0.05));
}

TEST_CASE("what a worker without packets, or a vxd that does not tell, has no figure for is no figure")
{
    FakeVxd vxd;
    vxd.add_worker(0);
    const WorkerRates idle = rates_of(vxd.sample(0), vxd.sample(1)).workers[0];
    CHECK(idle.load == 0);
    CHECK_FALSE(idle.packets_a_burst.has_value());
    CHECK_FALSE(idle.ticks_a_packet.has_value());
    CHECK_FALSE(idle.turn_p50.has_value());
    vxd.worker(0).erase("bursts_by_packets");
    vxd.worker(0).erase("turns_by_log2_ticks");
    vxd.worker(0)["bursts"] = 5;
    const WorkerRates silent = rates_of(FakeVxd{}.sample(0), vxd.sample(1)).workers[0];
    CHECK_FALSE(silent.full_bursts.has_value());
    CHECK_FALSE(silent.turn_p99.has_value());
}

TEST_CASE("only ports count in the sums, for bridges and tunnels carry the same packets again")
{
    FakeVxd vxd;
    vxd.add_link(1, "uplink", "af_packet");
    vxd.add_link(2, "br0", "bridge");
    vxd.add_vxlan(3, "vxlan100", 100);
    const Sample before = vxd.sample(0);
    for (const char* name : {"uplink", "br0", "vxlan100"}) {
        vxd.counters(name)["rx"] = {{"packets", 10}, {"bytes", 1000}};
        vxd.counters(name)["tx"] = {{"packets", 20}, {"bytes", 2000}};
    }
    const Rates rates = rates_of(before, vxd.sample(1));
    CHECK(rates.of_ports(&DeviceRates::rx).packets == Approx(10));
    CHECK(rates.of_ports(&DeviceRates::tx).bits == Approx(16'000));
}

TEST_CASE("a sample has of each device what link show says of it")
{
    FakeVxd vxd = one_port();
    vxd.add_vxlan(2, "vxlan100", 100);
    vxd.add_link(5, "a\x1b[2J", "null");
    vxd.about("c1")["flags"] = Json::array({"NO-CARRIER", "UP"});
    vxd.about("vxlan100")["flags"] = Json::array({"BROADCAST"});
    const Sample sample = vxd.sample(0);
    CHECK(sample.links[0].state == "no link");
    CHECK(sample.links[0].master == "br0");
    CHECK(sample.links[1].state == "down");
    CHECK(sample.links[1].vni == 100);
    CHECK(sample.links[1].local == "192.0.2.1:4789");
    CHECK(sample.links[2].name == "a?[2J"); // it cannot move the cursor
    vxd.about("vxlan100")["linkinfo"]["info_data"] = {{"id", 9}, {"local6", "2001:db8::1"}, {"port", 8472}};
    vxd.about("vxlan100")["flags"] = Json::array({"GONE", "UP"});
    CHECK(vxd.sample(0).links[1].local == "[2001:db8::1]:8472");
    CHECK(vxd.sample(0).links[1].state == "gone");
}

TEST_CASE("VTEPs have rates when vxd told of them before and now, and what it began to count since counts from zero")
{
    FakeVxd vxd = one_port();
    const Sample unasked = vxd.sample(0);
    CHECK_FALSE(unasked.vteps.has_value());
    vxd.count_vteps();
    const Sample before = vxd.sample(1);
    CHECK_FALSE(rates_of(unasked, before).vteps.has_value());
    vxd.add_vtep("vxlan100", "192.0.2.2", 10, 20);
    vxd.add_vtep("vxlan200", "192.0.2.2", 0, 2);
    const Sample now = vxd.sample(3);
    const auto vteps = rates_of(before, now).vteps.value();
    REQUIRE(vteps.size() == 2);
    CHECK(vteps[0].rx.packets == Approx(5));
    CHECK(vteps[0].tx.bits == Approx(8000));
    CHECK(vteps[1].vtep.device == "vxlan200");
    CHECK(vteps[1].tx.packets == Approx(1));
    vxd.count_vteps(); // vxd began again: nobody had asked
    vxd.add_vtep("vxlan100", "192.0.2.2", 1, 40);
    vxd.vteps()["others"] = {{"packets", 6}, {"bytes", 600}};
    const auto later = rates_of(now, vxd.sample(4)).vteps.value();
    REQUIRE(later.size() == 2);
    CHECK(later[0].rx.packets == Approx(1));
    CHECK(later[0].tx.packets == Approx(20));
    CHECK(later[1].vtep.address == "others");
    CHECK(later[1].tx.packets == Approx(6));
    const Rates rates = rates_of(now, vxd.sample(4));
    CHECK(json_of(rates, "")["vteps"][0]["dst"] == "192.0.2.2");
    CHECK(json_of(rates, "")["vteps"][0]["rx_pps"] == 1);
    CHECK(text_of(rates, "").find("\nVTEP ") != std::string::npos);
    CHECK_FALSE(json_of(rates_of(unasked, before), "").contains("vteps"));
}

TEST_CASE("an answer that is not what vxctl knows is an error and no sample")
{
    FakeVxd vxd = one_port();
    vxd.stats().erase("workers");
    const auto sample = read_sample(vxd.stats(), vxd.links(), {}, {});
    REQUIRE_FALSE(sample.has_value());
    CHECK(sample.error().message.find("workers") != std::string::npos);
    CHECK_FALSE(read_sample(Json::array(), Json::array(), {}, {}).has_value());
}

TEST_CASE("lines for scripts have every table that has rows, and JSON has plain numbers")
{
    FakeVxd vxd = one_port();
    vxd.add_vxlan(2, "vxlan100", 100);
    vxd.add_worker(1);
    const Sample before = vxd.sample(0);
    vxd.counters("c1")["rx"] = {{"packets", 10}, {"bytes", 1250}};
    const Rates rates = rates_of(before, vxd.sample(3));
    const std::string text = text_of(rates, "12:00");
    CHECK(text.starts_with("12:00  3.00 s\n\ndevice "));
    CHECK(text.find("\nVNI") == std::string::npos); // it is to the right
    CHECK(text.find(" VNI device ") != std::string::npos);
    CHECK(text.find("drop reason") == std::string::npos);
    CHECK(text.find("|") == std::string::npos); // no bars
    CHECK(text.find(" \n") == std::string::npos);
    const Json json = json_of(rates, "12:00");
    CHECK(json["seconds"] == 3);
    CHECK(json["devices"].size() == 2);
    CHECK(json["devices"][0]["rx_pps"] == 3.333);
    CHECK(json["devices"][0]["rx_bps"] == 3333.333);
    CHECK(json["devices"][0]["master"] == "br0");
    CHECK(json["vnis"][0]["vni"] == 100);
    CHECK(json["workers"][0]["turn_p50_ns"].is_null());
    CHECK(json["drops"].empty());
}

TEST_CASE("the words behind top are -d, -n and -b, with numbers in their bounds")
{
    const auto words = [](CommandWords given, Output output) { return parse(given, output).value(); };
    CHECK(words({"top"}, Output::kText).output == Output::kScreen);
    CHECK(words({"top"}, Output::kText).interval == std::chrono::seconds(1));
    CHECK_FALSE(words({"top"}, Output::kText).count.has_value());
    const Invocation all = words({"top", "-d", "0.25", "-n", "7", "-b"}, Output::kText);
    CHECK(all.interval == std::chrono::milliseconds(250));
    CHECK(all.count == 7);
    CHECK(all.output == Output::kText);
    CHECK(words({"top"}, Output::kJson).output == Output::kJson); // no screen
    CHECK(words({"top", "-b"}, Output::kPrettyJson).output == Output::kPrettyJson);
    CHECK(words({"top", "-v"}, Output::kText).wanted == Wanted::kWithVteps);
    CHECK(parse_error({"top", "-v", "-d", "6"}).find("every 5 s") != std::string::npos);
    for (const char* seconds : {"0", "0.05", "3601", "-1", "nan", "1s", ""})
        CHECK(parse_error({"top", "-d", seconds}) ==
              fmt::format("top: option \"-d\": \"{}\" is not a number from 0.1 to 3600", seconds));
    CHECK(parse_error({"top", "-n", "0"}).find("\"0\"") != std::string::npos);
    CHECK(parse_error({"top", "-n"}).find("needs a value") != std::string::npos);
    CHECK(parse_error({"top", "-x"}).find("\"-x\" is not expected (word 2") != std::string::npos);
    CHECK(parse_error({"top", "c1"}).find("\"c1\"") != std::string::npos);
}
