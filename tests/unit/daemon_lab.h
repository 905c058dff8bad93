// SPDX-License-Identifier: BSD-3-Clause
// A Controller with null ports, to be given commands.
#pragma once

#include "control/controller/controller.h"
#include "dataplane/dataplane.h"
#include "tests/support/ports.h"

#include <catch2/catch.hpp>

#include <functional>
#include <vector>

namespace vx::test
{

// A vxd, and a person who types at it. Its workers have threads if they are started.
class Daemon
{
public:
    using Clock = std::function<std::int64_t()>;

    explicit Daemon(
        std::vector<unsigned> workers = {0}, std::uint32_t buffers = 1023, Clock clock_ms = stands_still,
        std::function<void()> alive = [] {})
    {
        DataplaneOptions options;
        options.worker_cpus = std::move(workers);
        options.mbuf_count = buffers;
        auto made = Dataplane::create(test::eal(), options);
        REQUIRE(made.has_value());
        dataplane_ = *std::move(made);
        controller_ = std::make_unique<Controller>(
            *dataplane_,
            Controller::Options{.mac_seed = "test", .clock_ms = std::move(clock_ms), .alive = std::move(alive)});
    }
    static std::int64_t stands_still() { return 0; }

    void start_workers() { dataplane_->start(); }
    void stop_workers() { dataplane_->stop(); }
    Controller& controller() { return *controller_; }
    Dataplane& dataplane() { return *dataplane_; }

    // Every line is to succeed; the output of the last.
    std::string operator()(std::string_view lines) { return success(lines, Format::kText).get<std::string>(); }
    nlohmann::ordered_json json(std::string_view line) { return success(line, Format::kJson); }
    // The line is to fail, and this is why.
    std::string error(std::string_view line)
    {
        const Response response = run(line, Format::kText);
        INFO(line);
        REQUIRE(response.failures.size() == 1);
        return response.failures.front().error.message;
    }
    // Two hosts' worth of the tutorial: an uplink, a bridge with a VXLAN device, and a routed one.
    void tutorial()
    {
        (*this)("link add uplink type null\n"
                "addr add 192.0.2.1/24 dev uplink\n"
                "link add br0 type bridge\n"
                "link add docker1 mtu 1450 type null\n"
                "link set docker1 master br0\n"
                "link add vxlan100 type vxlan id 100 local 192.0.2.1 nolearning\n"
                "link set vxlan100 master br0\n"
                "link add vxlan200 address 0e:00:00:00:00:01 type vxlan id 200 local 192.0.2.1\n"
                "addr add 172.18.10.0/32 dev vxlan200\n"
                "addr add 172.18.10.1/24 dev br0\n");
    }

    // As one transaction.
    Response run(std::string_view lines, Format format = Format::kText, OnFailure on_failure = OnFailure::kUndoAll)
    {
        Request request;
        request.on_failure = on_failure;
        request.commands = parse_script(lines, "test").value().commands;
        request.format = format;
        return controller_->run(request);
    }

private:
    nlohmann::ordered_json success(std::string_view lines, Format format)
    {
        Response response = run(lines, format);
        INFO(lines);
        for (const Failure& failure : response.failures)
            FAIL(failure.error.message);
        return response.outputs.back();
    }

    std::unique_ptr<Dataplane> dataplane_;
    std::unique_ptr<Controller> controller_;
};

inline bool has(const std::string& text, std::string_view part)
{
    return text.find(part) != std::string::npos;
}

} // namespace vx::test
