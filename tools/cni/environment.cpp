// SPDX-License-Identifier: BSD-3-Clause
#include "tools/cni/environment.h"

#include <algorithm>
#include <array>

namespace vx::cni
{

namespace
{

constexpr std::size_t kMaxInterfaceName = 15; // IFNAMSIZ less its zero

std::string_view value_of(const Variables& variables, std::string_view name)
{
    const auto found = variables.find(name);
    return found == variables.end() ? std::string_view{} : std::string_view{found->second};
}

std::vector<std::string_view> split(std::string_view text, char separator)
{
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        const std::size_t end = text.find(separator);
        if (end != 0)
            parts.push_back(text.substr(0, end));
        text.remove_prefix(end == text.npos ? text.size() : end + 1);
    }
    return parts;
}

bool is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_container_id(std::string_view text)
{
    return !text.empty() && is_alphanumeric(text.front()) && std::all_of(text.begin(), text.end(), [](char c) {
        return is_alphanumeric(c) || c == '_' || c == '.' || c == '-';
    });
}

bool is_interface_name(std::string_view text)
{
    return !text.empty() && text.size() <= kMaxInterfaceName && text != "." && text != ".." &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c != '/' && c != ':' && c != 0x7f; });
}

Outcome<Command> parse_command(std::string_view text)
{
    constexpr std::array<std::pair<std::string_view, Command>, 4> kCommands = {
        {{"ADD", Command::kAdd}, {"DEL", Command::kDel}, {"CHECK", Command::kCheck}, {"VERSION", Command::kVersion}}};
    for (const auto& [name, command] : kCommands)
        if (text == name)
            return command;
    if (text.empty())
        return fail(Code::kInvalidEnvironment, "CNI_COMMAND is not set: this is a CNI plugin, which container runtimes "
                                               "run; see docs/containers-and-vms.md");
    return fail(Code::kInvalidEnvironment, "CNI_COMMAND: \"{}\" is none of ADD, DEL, CHECK and VERSION", text);
}

} // namespace

Outcome<Environment> parse_environment(const Variables& variables)
{
    Environment environment;
    const auto command = parse_command(value_of(variables, "CNI_COMMAND"));
    if (!command)
        return command.error();
    environment.command = *command;
    if (*command == Command::kVersion)
        return environment;

    environment.container = value_of(variables, "CNI_CONTAINERID");
    environment.netns = value_of(variables, "CNI_NETNS");
    environment.ifname = value_of(variables, "CNI_IFNAME");
    std::vector<std::string> problems; // all of them: the specification wants every invalid variable named
    if (!is_container_id(environment.container))
        problems.push_back(fmt::format("CNI_CONTAINERID: \"{}\" is not a container id; expected letters, digits, _ . "
                                       "and -, the first of them a letter or digit",
                                       environment.container));
    if (!is_interface_name(environment.ifname))
        problems.push_back(fmt::format("CNI_IFNAME: \"{}\" is not the name of an interface; expected 1 to {} "
                                       "characters without / : and blanks",
                                       environment.ifname, kMaxInterfaceName));
    if (environment.netns.empty() ? *command != Command::kDel : environment.netns.front() != '/')
        problems.push_back(fmt::format("CNI_NETNS: \"{}\" is not the path of a network namespace; expected something "
                                       "like /run/netns/NAME",
                                       environment.netns));
    for (const std::string_view folder : split(value_of(variables, "CNI_PATH"), ':'))
        environment.plugin_folders.emplace_back(folder);
    for (const std::string_view argument : split(value_of(variables, "CNI_ARGS"), ';')) {
        if (!argument.starts_with("MAC="))
            continue;
        environment.mac = Mac::parse(argument.substr(4));
        if (!environment.mac || !environment.mac->is_unicast())
            problems.push_back(
                fmt::format("CNI_ARGS: {}: expected the MAC address of a device, as 02:42:ac:12:14:02", argument));
    }
    if (!problems.empty())
        return fail(Code::kInvalidEnvironment, "{}", fmt::join(problems, "; "));
    return environment;
}

} // namespace vx::cni
