// SPDX-License-Identifier: BSD-3-Clause
// `link replace`: link add where there is no such device, else link set of what was said. Linux has the first half, and
// refuses the second ("Operation not supported"); what is there is to be of the same kind.
#include "control/commands/link.h"

namespace vx
{

namespace
{

// What a port is made of stays: it would have to be opened anew.
Result<> check_kind(const Words& words, const LinkAddWords& parsed, const Link& link)
{
    const auto* spec = std::get_if<PortSpec>(&parsed.kind);
    const std::string_view kind = spec != nullptr                                      ? std::string_view{spec->kind}
                                  : std::holds_alternative<BridgeOptions>(parsed.kind) ? "bridge"
                                                                                       : "vxlan";
    if (kind != link.kind_name())
        return error("{}: \"{}\" is a {} device, and cannot become a {} device; delete it first", words.name(),
                     link.name, link.kind_name(), kind);
    if (spec != nullptr && spec->options != link.port()->options)
        return error("{}: \"{}\" is there as {}{}, and what a port is made of cannot be changed; delete it first",
                     words.name(), link.name, link.kind_name(), port_options_text(*link.port()));
    return Ok{};
}

LinkSetWords changes_of(LinkAddWords parsed)
{
    LinkSetWords changes;
    changes.name = std::move(parsed.name);
    changes.address = parsed.address;
    changes.mtu = parsed.mtu;
    changes.is_up = parsed.is_up;
    if (parsed.master)
        changes.membership = LinkSetWords::Master::kJoin;
    changes.master = std::move(parsed.master);
    if (const auto* bridge = std::get_if<BridgeOptions>(&parsed.kind))
        changes.kind = *bridge;
    else if (auto* vxlan = std::get_if<VxlanOptions>(&parsed.kind))
        changes.kind = std::move(*vxlan);
    return changes;
}

} // namespace

Result<Reply> link_replace(Transaction& transaction, Words& words)
{
    auto parsed = parse_link_add(words);
    if (!parsed)
        return std::move(parsed).error();
    const Link* const link = transaction.model().find(parsed->name);
    if (link == nullptr)
        return add_link(transaction, words, *std::move(parsed));
    if (auto fits = check_kind(words, *parsed, *link); !fits)
        return std::move(fits).error();
    return change_link(transaction, words, changes_of(*std::move(parsed)), *link);
}

} // namespace vx
