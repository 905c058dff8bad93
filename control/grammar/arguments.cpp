// SPDX-License-Identifier: BSD-3-Clause
#include "control/grammar/arguments.h"

#include <algorithm>

namespace vx
{

bool is_among(std::span<const std::string_view> options, std::string_view word)
{
    return std::find(options.begin(), options.end(), word) != options.end();
}

Error rejected(Words& words, std::span<const std::string_view> unsupported)
{
    if (words.done() || !is_among(unsupported, words.peek()))
        return words.unexpected();
    words.take_again(words.peek());
    return words.invalid("is an option that vxd does not support");
}

Error rejected_option(Words& words, std::string_view usage, std::span<const std::string_view> order)
{
    if (words.done())
        return words.unexpected();
    const bool is_unsupported = !words.meaning(order).empty();
    words.take_again(words.peek());
    if (is_unsupported)
        return words.invalid("is an option that vxd does not support");
    return words.invalid(
        fmt::format("is not an option of {}; usage: type {}", usage.substr(0, usage.find(' ')), usage));
}

Result<const Link*> find_device(const Transaction& transaction, const Words& words, std::string_view name)
{
    if (const Link* link = transaction.model().find(name))
        return link;
    return usage_error("{}: Cannot find device {}", words.name(), in_quotes(name)); // as ip, which exits with 1
}

Result<const Link*> read_device(const Transaction& transaction, Words& words)
{
    const auto name = words.device_name();
    if (!name)
        return name.error();
    return find_device(transaction, words, *name);
}

Result<const Link*> find_bridge(const Transaction& transaction, const Words& words, std::string_view name)
{
    auto link = find_device(transaction, words, name);
    if (link && (*link)->bridge() == nullptr)
        return error("{}: \"{}\" is a {} device; expected a bridge", words.name(), name, (*link)->kind_name());
    return link;
}

Result<const Link*> find_interface(const Transaction& transaction, const Words& words, std::string_view name)
{
    auto link = find_device(transaction, words, name);
    if (!link || (*link)->master.is_none())
        return link;
    const Link& master = *transaction.model().find((*link)->master);
    return error("{}: \"{}\" is a member of the bridge \"{}\", its frames are bridged; addresses, routes and "
                 "neighbours belong to \"{}\"",
                 words.name(), name, master.name, master.name);
}

Result<bool> LinkSelector::take_word(const Transaction& transaction, Words& words,
                                     std::span<const std::string_view> refused)
{
    if (words.take("up"))
        return only_up = true;
    const std::string_view word = words.peek();
    if (word == "master" || word == "nomaster") {
        words.take(word);
        if (master)
            return words.invalid("is one too many; expected master or nomaster once");
        master = LinkId{};
        if (word == "nomaster")
            return true;
        const auto name = words.device_name("BRIDGE");
        const auto bridge = name ? find_bridge(transaction, words, *name) : name.error();
        if (!bridge)
            return bridge.error();
        master = (*bridge)->id;
    } else if (words.take("type")) {
        if (auto read = store(type, words.text("TYPE")); !read)
            return std::move(read).error();
        if (*type != "bridge" && *type != "vxlan" && find_port_kind(*type) == nullptr)
            return words.invalid("is not a type of device that vxd has");
    } else if (words.take_positional("dev", refused)) {
        const auto device = read_device(transaction, words);
        if (!device)
            return device.error();
        link = (*device)->id;
    } else {
        return false;
    }
    return true;
}

} // namespace vx
