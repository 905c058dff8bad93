// SPDX-License-Identifier: BSD-3-Clause
// What the Controller does with the commands of a request: one transaction for all of them, or one for each.
#include "control/base/memory_reserve.h"
#include "control/commands/nouns.h"
#include "control/controller/controller.h"
#include "control/grammar/rows.h"

namespace vx
{

static constexpr std::int64_t kEndingMilliseconds = 100;
static constexpr std::int64_t kAliveMilliseconds = 1000; // between two signs of life in the middle of a request

Response Controller::run(const Request& request)
{
    const Budget::Clock& worked_ms = options_.worked_ms ? options_.worked_ms : options_.clock_ms;
    const auto give_sign = [this, last_ms = options_.clock_ms()]() mutable {
        if (const std::int64_t now_ms = options_.clock_ms(); now_ms - last_ms >= kAliveMilliseconds) {
            last_ms = now_ms;
            options_.alive();
        }
    };
    Budget budget{options_.limits(request.role), worked_ms, request.begin_ms ? *request.begin_ms : worked_ms(),
                  give_sign};
    return request.config == Request::Config::kNone ? run_commands(request, budget) : run_config(request, budget);
}

// What was too much, how far the request got, and what may be asked instead.
Error Controller::over_budget(const Request& request, std::size_t index, const Budget& budget,
                              const OverBudget& why) const
{
    std::string place = fmt::format("after {} steps", budget.steps());
    std::string instead = "less at a time";
    std::string name = request.config == Request::Config::kNone ? "this request" : "config diff";
    if (index < request.commands.size() && (request.commands.size() > 1 || request.config != Request::Config::kNone))
        place += fmt::format(", in command {} of {}", index + 1, request.commands.size());
    if (request.config == Request::Config::kNone && index < request.commands.size()) {
        CommandList::Iterator words{request.commands, index};
        if (const Command* const command = command_of(*words, nouns())) {
            name = fmt::format("{}{}{}", command->noun, command->verb.empty() ? "" : " ", command->verb);
            if (!command->usage.empty())
                instead = fmt::format("less: {} {}", name, command->usage);
        }
    }
    return error(
        "{}: it takes {}, which is all that one request gets ({}); ask for {}{}", name, why.what(), place, instead,
        request.role == Role::kAdmin ? "" : fmt::format("; or ask as {}, for whom there is more", options_.admins));
}

Response Controller::run_commands(const Request& request, Budget& budget)
{
    Response response;
    std::int64_t asked_ms = options_.clock_ms();
    std::unique_ptr<Transaction> transaction;
    budget.set_pause([&](Budget::Pause) { answer_beside(transaction.get()); });
    bool is_compiled = false; // before the transaction: the config knows every VTEP
    const auto fail = [&](std::size_t index, Error failure) {
        transaction.reset(); // takes back what the transaction did so far
        if (is_compiled)
            (void)vteps_.take_changes(); // numbers that came and went: nothing to compile, nor to keep memory for
        response.failures.push_back({index, std::move(failure), request.lines.empty() ? 0 : request.lines[index]});
    };
    const auto attempt = [&](std::size_t index, CommandView command) -> Result<> {
        MemoryReserve::check();
        if (transaction == nullptr) {
            is_compiled = vteps_.changes().vteps.empty() && vteps_.changes().lists.empty();
            transaction = begin();
            transaction->serve(budget, request.format);
            if (request.on_failure == OnFailure::kUndoAll)
                transaction->expect_fdb_changes(request.commands.size());
        }
        budget.step(kStepsOfCommand);
        auto allowed = check_role(request.role, command);
        auto reply = allowed ? dispatch(*transaction, command, nouns()) : std::move(allowed).error();
        if (reply && (reply->stream || request.method == Method::kStream))
            if (auto started = start_stream(request, *reply, response); !started)
                reply = std::move(started).error();
        if (!reply)
            return std::move(reply).error();
        for (std::string& warning : reply->warnings)
            response.warnings.push_back(std::move(warning));
        if (request.format == Format::kJson) {
            budget.hold(size_of(reply->json));
            response.outputs.push_back(std::move(reply->json));
        } else if (reply->text.empty()) {
            response.outputs.push_nothing();
        } else {
            budget.hold(reply->text.size());
            response.outputs.push_back(std::move(reply->text));
        }
        if (request.on_failure == OnFailure::kUndoAll && index + 1 != request.commands.size())
            return Ok{};
        if (auto fits = check_fdb_size(*transaction); !fits)
            return fits;
        const bool has_effect = transaction->has_changes();
        commit(*transaction);
        const MemoryReserve::Use use(std::nothrow); // it has taken effect, so nothing more may fail
        response.has_effect = response.has_effect || has_effect;
        for (std::string& warning : transaction->take_warnings())
            response.warnings.push_back(std::move(warning));
        transaction.reset();
        return Ok{};
    };
    // A command without effect, and with it the outputs from there on.
    const auto take_back = [&](std::size_t index, Error failure) {
        response.stream = nullptr;
        while (response.outputs.size() > index)
            response.outputs.pop_back();
        fail(index, std::move(failure));
    };
    std::size_t index = 0;
    try {
        auto words = request.commands.begin();
        for (; index < request.commands.size(); ++index, ++words) {
            if (const std::int64_t now_ms = options_.clock_ms(); now_ms - asked_ms >= kEndingMilliseconds) {
                asked_ms = now_ms;
                if (options_.is_ending()) {
                    fail(index, error("vxd is ending"));
                    return response;
                }
            }
            Result<> done = Ok{};
            try {
                done = attempt(index, *words);
            } catch (const OverBudget&) {
                throw;
            } catch (const std::exception& failure) {
                // The command has no effect. Those before it may have, so this is an answer like others.
                const MemoryReserve::Use use(std::nothrow);
                done = error("vxd could not carry it out: {}", words_of(failure));
            }
            if (done)
                continue;
            const MemoryReserve::Use use(std::nothrow);
            Error failure = std::move(done).error();
            if (request.on_failure == OnFailure::kGoOn)
                budget.hold(failure.message.size() + sizeof(Failure));
            take_back(index, std::move(failure));
            if (request.on_failure != OnFailure::kGoOn)
                return response;
            response.outputs.push_back(nullptr);
        }
    } catch (const OverBudget& over) {
        // The list ends here, also one that goes on where a command fails.
        const MemoryReserve::Use use(std::nothrow);
        if (request.on_failure == OnFailure::kUndoAll)
            response.outputs = {};
        take_back(index, over_budget(request, index, budget, over));
    }
    return response;
}

Result<> Controller::check_fdb_size(const Transaction& transaction) const
{
    const Fdb& fdb = dataplane_.fdb();
    if (fdb.size() + transaction.fdb_changes_.size() <= fdb.max_size())
        return Ok{};
    std::size_t added = 0;
    std::size_t removed = 0;
    for (const auto& [key, dest] : transaction.fdb_changes_) {
        const bool is_there = fdb.find(key).kind() != Dest::Kind::kNone;
        const bool is_wanted = dest.kind() != Dest::Kind::kNone;
        added += is_wanted && !is_there ? 1 : 0;
        removed += is_there && !is_wanted ? 1 : 0;
    }
    if (added > removed && fdb.size() - removed + added > fdb.max_size())
        return error("the FDB holds {} of at most {} entries; there is no room for {} more", fdb.size(), fdb.max_size(),
                     added - removed);
    return Ok{};
}

} // namespace vx
