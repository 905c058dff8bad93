// SPDX-License-Identifier: BSD-3-Clause
#include "tests/pipeline/case_runner.h"

#include "control/controller/controller.h"
#include "control/wire/wire.h"
#include "dataplane/dataplane.h"
#include "tests/pipeline/case_capture.h"
#include "tests/pipeline/case_drops.h"
#include "tests/pipeline/case_explain.h"
#include "tests/pipeline/frame_diff.h"
#include "tests/support/ring_port.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>

namespace vx::test
{

namespace
{

constexpr std::size_t kPoolSize = 4095; // the data plane's own, unless the case has a limit
constexpr unsigned kRingSize = 8191;    // frames that may wait in a port's ring, unless the case has a limit
constexpr std::size_t kBurstSize = 128; // frames that one link receives in one turn: as many as a worker takes
constexpr std::int64_t kStartMs = 1'000'000;
constexpr std::int64_t kTickMs = 100;
constexpr unsigned kMaxTurns = 10'000; // a case that is not quiet after so many never will be

unsigned in_use(const char* pool_name)
{
    const rte_mempool* pool = rte_mempool_lookup(pool_name);
    return pool == nullptr ? 0 : rte_mempool_in_use_count(pool);
}

class CaseRunner
{
public:
    CaseRunner(const Eal& eal, rte_mempool* pool, const Case& test_case) : eal_(eal), pool_(pool), case_(test_case) {}

    CaseOutcome run()
    {
        if (auto ran = play(); !ran) {
            fail("{}", ran.error().message);
        } else {
            if (case_.is_checked && !case_.is_explained) {
                check_frames();
                check_drops();
                check_fdb();
            }
            if (capture_) {
                for (const std::string& problem : capture_->problems(seen_))
                    fail("capture: {}", problem);
                outcome_.drops = capture_->traced();
            }
            check_leaks();
        }
        controller_.reset();
        dataplane_.reset();
        ports_.clear();
        return std::move(outcome_);
    }

private:
    template <typename... Args>
    void fail(fmt::format_string<Args...> format, Args&&... args)
    {
        outcome_.failures.push_back(fmt::format(format, std::forward<Args>(args)...));
    }

    unsigned limit(const std::string& name, unsigned otherwise) const
    {
        const auto found = case_.limits.find(name);
        return found == case_.limits.end() ? otherwise : found->second;
    }

    Result<> play()
    {
        DataplaneOptions options;
        options.worker_cpus = {0};
        options.mbuf_count = limit("pool", kPoolSize);
        auto dataplane = Dataplane::create(eal_, options);
        if (!dataplane)
            return std::move(dataplane).error();
        dataplane_ = std::move(*dataplane);
        controller_ = std::make_unique<Controller>(
            *dataplane_, Controller::Options{.mac_seed = "golden", .clock_ms = [this] { return now_ms_; }});
        if (auto applied = apply(case_.setup, "setup"); !applied)
            return applied;
        if (auto quiet = pump(); !quiet)
            return quiet;
        for (const auto& port : ports_)
            while (rte_mbuf* mbuf = port->take()) // announcements of the addresses; later ones count
                rte_pktmbuf_free(mbuf);
        if (case_.is_captured) {
            auto capture = CaseCapture::start(*dataplane_, *controller_);
            if (!capture)
                return std::move(capture).error();
            capture_ = *std::move(capture);
        }
        for (const Step& step : case_.steps)
            if (auto done = carry_out(step); !done)
                return error("{}: {}", step.name, done.error().message);
        return Ok{};
    }

    Result<> carry_out(const Step& step)
    {
        if (!step.commands.empty())
            if (auto applied = apply(step.commands, step.name); !applied)
                return applied;
        for (std::int64_t left = std::int64_t{step.wait_seconds} * 1000; left > 0; left -= kTickMs) {
            now_ms_ += kTickMs;
            controller_->tick();
            if (auto quiet = pump(); !quiet)
                return quiet;
        }
        std::size_t longest = 0;
        for (const Injection& injection : step.injections)
            longest = std::max(longest, injection.frames.size());
        if (case_.is_explained)
            return explain(step);
        for (std::size_t begin = 0; begin < longest; begin += kBurstSize) {
            for (const Injection& injection : step.injections)
                if (auto given = inject(injection, begin); !given)
                    return given;
            if (auto quiet = pump(); !quiet)
                return quiet;
        }
        if (auto quiet = pump(); !quiet)
            return quiet;
        for (const auto& port : ports_)
            while (rte_mbuf* mbuf = port->take()) {
                seen_[port->name()].push_back(bytes_of(mbuf));
                rte_pktmbuf_free(mbuf);
            }
        return Ok{};
    }

    // One frame after the other: what explain() says of it, and what becomes of it.
    Result<> explain(const Step& step)
    {
        CaseExplain explained{*dataplane_, *controller_};
        if (auto quiet = settle(); !quiet)
            return quiet;
        for (const Injection& injection : step.injections)
            for (std::size_t i = 0; i < injection.frames.size(); ++i) {
                if (!is_explainable(injection.shapes[i]))
                    continue;
                const auto problem = [&](const std::string& what) {
                    fail("{} {} frame {}: {}", step.name, injection.link, i + 1, what);
                };
                for (const std::string& what : explained.predict(injection.link, injection.frames[i]))
                    problem(what);
                if (auto given = inject({injection.link, {injection.frames[i]}, {injection.shapes[i]}}, 0); !given)
                    return given;
                while (dataplane_->run_once()) { // what is flooded to many takes several turns
                }
                for (const std::string& what : explained.compare(take_all()))
                    problem(what);
                outcome_.drops.insert(explained.predicted().begin(), explained.predicted().end());
                if (auto quiet = settle(); !quiet)
                    return quiet;
            }
        return Ok{};
    }

    // What the control thread has to do and to say is done and said.
    Result<> settle()
    {
        auto quiet = pump();
        take_all();
        return quiet;
    }

    std::map<std::string, std::vector<Frame>> take_all()
    {
        std::map<std::string, std::vector<Frame>> left;
        for (const auto& port : ports_)
            while (rte_mbuf* mbuf = port->take()) {
                left[port->name()].push_back(bytes_of(mbuf));
                rte_pktmbuf_free(mbuf);
            }
        return left;
    }

    // Runs the commands as one transaction, after it made the ring devices that they name.
    Result<> apply(const std::string& text, const std::string& name)
    {
        auto script = parse_script(text, name);
        if (!script)
            return std::move(script).error();
        const std::string prefix = RingPort::kPrefix;
        for (const CommandView words : script->commands)
            for (const std::string_view word : words)
                if (word.starts_with(prefix))
                    if (auto made = make_port(std::string(word.substr(prefix.size()))); !made)
                        return made;
        Request request;
        request.commands = script->commands;
        const Response response = controller_->run(request);
        if (!response.failures.empty()) {
            const Failure& failure = response.failures.front();
            return at_line(name, script->lines[failure.index], failure.error);
        }
        return Ok{};
    }

    Result<> make_port(const std::string& name)
    {
        if (std::any_of(ports_.begin(), ports_.end(), [&](const auto& port) { return port->name() == name; }))
            return Ok{};
        auto port = RingPort::create(name, limit(name, kRingSize));
        if (!port)
            return std::move(port).error();
        ports_.push_back(std::move(*port));
        return Ok{};
    }

    Result<> inject(const Injection& injection, std::size_t begin)
    {
        const auto port = std::find_if(ports_.begin(), ports_.end(),
                                       [&](const auto& candidate) { return candidate->name() == injection.link; });
        if (port == ports_.end())
            return error("there is no port \"{}\"", injection.link);
        const std::size_t end = std::min(begin + kBurstSize, injection.frames.size());
        for (std::size_t i = begin; i < end; ++i) {
            rte_mbuf* mbuf = make_mbuf(pool_, injection.frames[i], injection.shapes[i]);
            if (mbuf == nullptr || !(*port)->give(mbuf))
                return error("{}: no room for frame {}", injection.link, i + 1);
        }
        return Ok{};
    }

    Result<> pump()
    {
        for (unsigned turns = 0; turns < kMaxTurns; ++turns) {
            const bool worked = dataplane_->run_once();
            const bool served = controller_->poll();
            if (capture_)
                capture_->take();
            if (!worked && !served)
                return Ok{};
        }
        return error("not quiet after {} turns", kMaxTurns);
    }

    void check_frames()
    {
        std::set<std::string> links;
        for (const auto& [link, frames] : case_.expected)
            links.insert(link);
        for (const auto& [link, frames] : seen_)
            links.insert(link);
        for (const std::string& link : links) {
            const auto expected = case_.expected.find(link);
            for (std::string& difference :
                 differences(seen_[link], expected == case_.expected.end() ? std::vector<Frame>{} : expected->second))
                fail("{}: {}", link, difference);
        }
    }

    void check_drops()
    {
        std::vector<std::string> problems;
        outcome_.drops = drops_of_stats(*controller_, problems);
        const DropCounts in_metrics = drops_of_metrics(*controller_, problems);
        for (std::string& problem : disagreements(outcome_.drops, "stats", in_metrics, "metrics"))
            problems.push_back(std::move(problem));
        for (const std::string& problem : problems)
            fail("{}", problem);
        for (const std::string& problem : disagreements(outcome_.drops, "stats", case_.drops, "the case"))
            fail("{}", problem);
    }

    void check_fdb()
    {
        if (!case_.fdb)
            return;
        Request request;
        request.commands = {{"fdb", "show"}};
        const Response response = controller_->run(request);
        const auto shown = response.outputs.empty() ? std::string{} : response.outputs.front().get<std::string>();
        if (shown != *case_.fdb)
            fail("fdb show says\n{}where\n{}was expected", shown, *case_.fdb);
    }

    void check_leaks()
    {
        if (const unsigned count = rte_mempool_in_use_count(pool_); count != 0)
            fail("{} buffers of received frames were not freed", count);
        if (const unsigned count = in_use("vx_packets"); count != 0)
            fail("{} buffers of the data plane's pool were not freed", count);
    }

    const Eal& eal_;
    rte_mempool* pool_;
    const Case& case_;
    std::int64_t now_ms_ = kStartMs;
    std::vector<std::unique_ptr<RingPort>> ports_;
    std::unique_ptr<Dataplane> dataplane_;
    std::unique_ptr<Controller> controller_;
    std::optional<CaseCapture> capture_;
    std::map<std::string, std::vector<Frame>> seen_; // what left, by link
    CaseOutcome outcome_;
};

} // namespace

CaseOutcome run_case(const Eal& eal, rte_mempool* pool, const Case& test_case)
{
    return CaseRunner{eal, pool, test_case}.run();
}

} // namespace vx::test
