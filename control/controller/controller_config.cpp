// SPDX-License-Identifier: BSD-3-Clause
// Requests about the configuration as a whole: their commands are not carried out on what there is, but say all that
// there is to be.
#include "control/base/log.h"
#include "control/base/memory_reserve.h"
#include "control/commands/nouns.h"
#include "control/config/config_apply.h"
#include "control/config/config_lines.h"
#include "control/controller/controller.h"

#include <iterator>
#include <limits>

namespace vx
{

static constexpr std::size_t kCommandsPerTurn = 64;
static constexpr std::size_t kCommandsPerLook = 4096; // at whether vxd is to end
static constexpr std::int64_t kTurnMilliseconds = 20;

namespace
{

constexpr std::size_t kNowhere = std::numeric_limits<std::size_t>::max(); // no command's fault

nlohmann::ordered_json json_of(const CommandList& commands, Budget& budget)
{
    auto json = nlohmann::ordered_json::array();
    for (auto words = commands.begin(); words != commands.end(); ++words) {
        budget.step();
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
    const Command* const command = command_of(words, nouns());
    if (command == nullptr || command->effect == Effect::kShows)
        return Ok{};
    if (command->effect == Effect::kShowsTraffic)
        return error("{}: this shows what others send, which only {} may see", command->noun, options_.admins);
    return not_allowed(fmt::format("{} {}", command->noun, command->verb));
}

// The commands, on an empty configuration. `index` says which one it is at. A rehearsal is nobody else's, so that
// between two commands there is a turn for what others wait for.
Result<> Controller::rehearse(const Request& request, Transaction& wanted, std::size_t& index, Origins& origins,
                              Response& response)
{
    const Model& model = wanted.model();
    wanted.expect_fdb_changes(request.commands.size());
    auto words = request.commands.begin();
    for (; index < request.commands.size(); ++index, ++words) {
        wanted.budget().step(kStepsOfCommand);
        if (index % kCommandsPerTurn == 0)
            take_turn();
        if (index % kCommandsPerLook == kCommandsPerLook - 1 && options_.is_ending())
            return error("vxd is ending");
        MemoryReserve::check();
        const std::uint16_t last = model.last_ids().link;
        auto reply = dispatch(wanted, *words, nouns());
        if (reply && reply->stream)
            reply = error("{}: its answer has no end, so it can be no part of a configuration", (*words)[0]);
        if (!reply)
            return std::move(reply).error();
        for (std::string& warning : reply->warnings) {
            wanted.budget().hold(warning.size());
            response.warnings.push_back(std::move(warning));
        }
        if (model.last_ids().link != last)
            if (const Link* link = model.find(LinkId{model.last_ids().link}))
                origins.insert_or_assign(link->name, index);
    }
    for (std::string& warning : wanted.take_warnings()) {
        wanted.budget().hold(warning.size());
        response.warnings.push_back(std::move(warning));
    }
    return Ok{};
}

// In the middle of a long request, where no Transaction on what there is has changed anything. It changes what is not
// configured: what is learned and resolved, and what ports' interfaces say.
void Controller::take_turn()
{
    if (options_.clock_ms() - ticked_ms_ >= kTurnMilliseconds)
        tick();
}

// Ports that are in both and whose interface is gone: what apply would open again is a difference.
void Controller::add_lost_ports(const Transaction& wanted, ConfigDiff& difference,
                                std::vector<std::string>& warnings) const
{
    std::vector<std::string> lines;
    for (const auto& [id, link] : wanted.budget().each(model_.links())) {
        if (link.port() == nullptr || dataplane_.has_port(id))
            continue;
        const Link* const same = wanted.model().find(link.name);
        if (same == nullptr || same->port() == nullptr)
            continue;
        const CommandWords words = link_words(*same);
        if (words != link_words(link))
            continue; // a difference already
        PortSpec spec = *link.port();
        spec.name = link.name;
        if (!can_attach(spec)) {
            warnings.push_back(
                fmt::format("\"{}\" is gone, and there is no place for it now: apply would leave it so", link.name));
            continue;
        }
        warnings.push_back(fmt::format("\"{}\" is gone: apply would open it again", link.name));
        difference.added.add(words);
        const std::vector<std::string_view> views(words.begin(), words.end());
        lines.push_back(fmt::format("+{}", config_line(views)));
    }
    difference.lines.insert(difference.lines.begin(), std::make_move_iterator(lines.rbegin()),
                            std::make_move_iterator(lines.rend()));
}

Result<nlohmann::ordered_json> Controller::compare(const Transaction& wanted, Format format, Budget& budget,
                                                   std::vector<std::string>& warnings)
{
    budget.set_pause([this](Budget::Pause most) { most == Budget::Pause::kTurn ? take_turn() : answer(); });
    const auto before = [&] {
        const auto transaction = begin();
        transaction->serve(budget, format);
        return config_commands(*transaction);
    }();
    const auto after = config_commands(wanted);
    if (!before || !after)
        return before ? after.error() : before.error();
    ConfigDiff difference = diff(*before, *after, budget);
    add_lost_ports(wanted, difference, warnings);
    if (format == Format::kJson)
        return nlohmann::ordered_json{{"removed", json_of(difference.removed, budget)},
                                      {"added", json_of(difference.added, budget)}};
    std::string text;
    for (const std::string& line : difference.lines) {
        budget.step();
        budget.hold(line.size());
        (text += line) += '\n';
    }
    return nlohmann::ordered_json(std::move(text));
}

Response Controller::run_config(const Request& request, Budget& budget)
{
    Response response;
    const auto fail = [&](std::size_t index, Error failure) {
        const std::size_t line = index < request.lines.size() ? request.lines[index] : 0;
        response.failures.push_back({index, std::move(failure), line});
        return std::move(response);
    };
    if (request.config == Request::Config::kApply && request.role != Role::kAdmin)
        return fail(kNowhere, not_allowed("config apply"));
    if (request.role == Role::kAdmin) {
        const MemoryReserve::Use use; // as in tick(): what interfaces tell is told once
        check_ports();                // what is gone is to be known
    }
    std::size_t index = 0;
    try {
        Model model;
        VtepRegistry vteps;
        Resolver resolver{{}};
        Transaction wanted{model, vteps, dataplane_, resolver, options_.mac_seed, Transaction::Mode::kRehearsal};
        wanted.serve(budget, request.format);
        Origins origins;
        if (auto rehearsed = rehearse(request, wanted, index, origins, response); !rehearsed)
            return fail(index, std::move(rehearsed).error());
        if (request.config != Request::Config::kApply) {
            auto compared = compare(wanted, request.format, budget, response.warnings);
            if (!compared)
                return fail(kNowhere, std::move(compared).error());
            response.outputs.push_back(*std::move(compared));
            return response;
        }
        const auto transaction = begin();
        transaction->serve(budget, request.format);
        budget.set_pause([&](Budget::Pause) { answer_beside(transaction.get()); });
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
        for (const LinkId id : transaction->opened_)
            if (transaction->before_.links.at(id)) { // it was there before, and gone
                log_notice("{}: it was gone and is opened again", link_name(id));
                tell_port(*model_.find(id), "back");
            }
        for (std::string& warning : transaction->take_warnings())
            response.warnings.push_back(std::move(warning));
    } catch (const OverBudget& over) {
        return fail(index < request.commands.size() ? index : kNowhere, over_budget(request, index, budget, over));
    }
    return response;
}

} // namespace vx
