// SPDX-License-Identifier: BSD-3-Clause
#include "tools/vxctl/daemon_program.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <vector>

namespace vx
{

std::optional<int> run_daemon_program(CommandWords arguments)
{
    std::error_code failure;
    const std::string program = std::filesystem::read_symlink("/proc/self/exe", failure).replace_filename("vxd");
    std::string name = "vxd";
    std::vector<char*> pointers{name.data()};
    for (std::string& argument : arguments)
        pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    pid_t child = 0;
    int status = 0;
    if (posix_spawn(&child, program.c_str(), nullptr, nullptr, pointers.data(), environ) != 0 ||
        waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return std::nullopt;
    return WEXITSTATUS(status);
}

std::optional<int> say_without_daemon(const CommandWords& words, std::string_view json_option)
{
    // As vxd takes abbreviations.
    const auto is = [&](std::size_t at, std::string_view name) {
        return at < words.size() && !words[at].empty() && name.starts_with(words[at]);
    };
    CommandWords arguments;
    if (words.back() == "help") {
        arguments = {"help"};
        arguments.insert(arguments.end(), words.begin(), words.end() - 1);
    } else if ((is(0, "stats") || is(0, "statistics")) && is(1, "reasons")) {
        arguments = {"reasons"};
        if (!json_option.empty())
            arguments.emplace_back(json_option);
        arguments.insert(arguments.end(), words.begin() + 2, words.end());
    } else {
        return std::nullopt;
    }
    return run_daemon_program(std::move(arguments));
}

} // namespace vx
