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

} // namespace vx
