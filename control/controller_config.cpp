// SPDX-License-Identifier: BSD-3-Clause
// Requests about the configuration as a whole: their commands are not carried out on what there is, but say all that
// there is to be.
#include "control/command.h"
#include "control/config_apply.h"
#include "control/config_lines.h"
#include "control/controller.h"
#include "control/memory_reserve.h"

#include <limits>
#include <unordered_map>

namespace vx
{

namespace
{

nlohmann::ordered_json json_of(const CommandList& commands)
{
    auto json = nlohmann::ordered_json::array();
    for (auto words = commands.begin(); words != commands.end(); ++words) {
        const CommandView view = *words;
        json.push_back(std::vector<std::string>(view.begin(), view.end()));
    }
    return json;
}

} // namespace

// A reader is told which command it was, and who may.
Error Controller::not_allowed(std::string_view command) const
{
    return error("{}: this changes the configuration, which only {} may; you may look (show, get, monitor, explain, "
                 "config diff)",
                 command, options_.admins);
}

Result<> Controller::check_role(Role role, CommandView words) const
{
    if (role == Role::kAdmin)
        return Ok{};
    const Command* const command = command_of(words);
    if (command == nullptr || command->effect == Effect::kShows)
        return Ok{};
    if (command->effect == Effect::kShowsTraffic)
        return error("{}: this shows what others send, which only {} may see", command->noun, options_.admins);
    return not_allowed(fmt::format("{} {}", command->noun, command->verb));
}

Response Controller::run_config(const Request& request)
{
    Response response;
    constexpr std::size_t kNowhere = std::numeric_limits<std::size_t>::max(); // no command's fault
    const auto fail = [&](std::size_t index, Error failure) {
        const std::size_t line = index < request.lines.size() ? request.lines[index] : 0;
        response.failures.push_back({index, std::move(failure), line});
        return std::move(response);
    };
    if (request.config == Request::Config::kApply && request.role != Role::kAdmin)
        return fail(kNowhere, not_allowed("config apply"));
    Model model;
    VtepRegistry vteps;
    Resolver resolver{{}};
    Transaction wanted{model, vteps, dataplane_, resolver, options_.mac_seed, Transaction::Mode::kRehearsal};
    wanted.expect_fdb_changes(request.commands.size());
    std::unordered_map<std::string, std::size_t> origins; // commands that made links
    auto words = request.commands.begin();
    for (std::size_t index = 0; index < request.commands.size(); ++index, ++words) {
        constexpr std::size_t kBetweenLooks = 4096; // commands
        if (index % kBetweenLooks == kBetweenLooks - 1 && options_.is_ending())
            return fail(kNowhere, error("vxd is ending"));
        MemoryReserve::check();
        const std::uint16_t last = model.last_ids().link;
        auto reply = dispatch(wanted, *words);
        if (reply && reply->stream)
            reply = error("{}: its answer has no end, so it can be no part of a configuration", (*words)[0]);
        if (!reply)
            return fail(index, std::move(reply).error());
        for (std::string& warning : reply->warnings)
            response.warnings.push_back(std::move(warning));
        if (model.last_ids().link != last)
            if (const Link* link = model.find(LinkId{model.last_ids().link}))
                origins.insert_or_assign(link->name, index);
    }
    for (std::string& warning : wanted.take_warnings())
        response.warnings.push_back(std::move(warning));

    const auto transaction = begin();
    if (request.config != Request::Config::kApply) {
        const auto before = config_commands(*transaction);
        const auto after = config_commands(wanted);
        if (!before || !after)
            return fail(kNowhere, before ? after.error() : before.error());
        const ConfigDiff difference = diff(*before, *after);
        if (request.format == Format::kJson)
            response.outputs.push_back(
                {{"removed", json_of(difference.removed)}, {"added", json_of(difference.added)}});
        else
            response.outputs.push_back(
                difference.lines.empty() ? std::string{} : fmt::format("{}\n", fmt::join(difference.lines, "\n")));
        return response;
    }
    if (auto applied = apply_config(*transaction, wanted); !applied) {
        const auto origin = origins.find(applied.error().link);
        const std::string where = applied.error().link.empty() ? "" : fmt::format("\"{}\": ", applied.error().link);
        return fail(origin == origins.end() ? kNowhere : origin->second,
                    error("config apply: {}{}", where, applied.error().error.message));
    }
    if (auto fits = check_fdb_size(*transaction); !fits)
        return fail(kNowhere, std::move(fits).error());
    commit(*transaction);
    const MemoryReserve::Use use(std::nothrow); // it has taken effect, so nothing more may fail
    response.has_effect = true;
    for (std::string& warning : transaction->take_warnings())
        response.warnings.push_back(std::move(warning));
    return response;
}

} // namespace vx
