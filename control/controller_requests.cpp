// SPDX-License-Identifier: BSD-3-Clause
// What the Controller does with the commands of a request: one transaction for all of them, or one for each.
#include "control/controller.h"
#include "control/memory_reserve.h"

namespace vx
{

// How long one request of somebody who may only look may keep everybody else waiting; looked at between its commands.
static constexpr std::int64_t kReaderMilliseconds = 1000;
static constexpr std::int64_t kEndingMilliseconds = 100;
static constexpr std::int64_t kAliveMilliseconds = 1000; // between two signs of life in the middle of a request

Response Controller::run(const Request& request)
{
    if (request.config != Request::Config::kNone)
        return run_config(request);
    Response response;
    const std::int64_t begin_ms = options_.clock_ms();
    std::int64_t alive_ms = begin_ms;
    std::int64_t asked_ms = begin_ms;
    std::unique_ptr<Transaction> transaction;
    const auto fail = [&](std::size_t index, Error failure) {
        transaction.reset(); // takes back what the transaction did so far
        response.failures.push_back({index, std::move(failure), request.lines.empty() ? 0 : request.lines[index]});
    };
    const auto attempt = [&](std::size_t index, CommandView command) -> Result<> {
        MemoryReserve::check();
        if (transaction == nullptr) {
            transaction = begin();
            if (request.on_failure == OnFailure::kUndoAll)
                transaction->expect_fdb_changes(request.commands.size());
        }
        auto allowed = check_role(request.role, command);
        auto reply = allowed ? dispatch(*transaction, command) : std::move(allowed).error();
        if (reply && (reply->stream || request.method == Method::kStream))
            if (auto started = start_stream(request, *reply, response); !started)
                reply = std::move(started).error();
        if (!reply)
            return std::move(reply).error();
        for (std::string& warning : reply->warnings)
            response.warnings.push_back(std::move(warning));
        if (request.format == Format::kJson)
            response.outputs.push_back(std::move(reply->json));
        else if (reply->text.empty())
            response.outputs.push_nothing();
        else
            response.outputs.push_back(std::move(reply->text));
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
    auto words = request.commands.begin();
    for (std::size_t index = 0; index < request.commands.size(); ++index, ++words) {
        const std::int64_t now_ms = options_.clock_ms();
        if (now_ms - alive_ms >= kAliveMilliseconds) {
            options_.alive();
            alive_ms = now_ms;
        }
        if (now_ms - asked_ms >= kEndingMilliseconds) {
            asked_ms = now_ms;
            if (options_.is_ending()) {
                fail(index, error("vxd is ending"));
                return response;
            }
        }
        if (request.role == Role::kReader && now_ms - begin_ms > kReaderMilliseconds) {
            fail(index,
                 error("this request has kept vxd busy for more than {} s; ask for less at a time (who may change "
                       "things has no such limit)",
                       kReaderMilliseconds / 1000));
            return response;
        }
        Result<> done = Ok{};
        try {
            done = attempt(index, *words);
        } catch (const std::exception& failure) {
            // The command has no effect. Those before it may have, so this is an answer like others.
            const MemoryReserve::Use use(std::nothrow);
            done = error("vxd could not carry it out: {}", words_of(failure));
        }
        if (done)
            continue;
        const MemoryReserve::Use use(std::nothrow);
        response.stream = nullptr;
        while (response.outputs.size() > index)
            response.outputs.pop_back();
        fail(index, std::move(done).error());
        if (request.on_failure != OnFailure::kGoOn)
            return response;
        response.outputs.push_back(nullptr);
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
