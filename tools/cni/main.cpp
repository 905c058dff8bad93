// SPDX-License-Identifier: BSD-3-Clause
// The CNI plugin "vxd": connects containers to bridges and VXLAN devices of vxd. See README.md here.
#include "tools/cni/actions.h"
#include "tools/cni/conf.h"
#include "tools/cni/environment.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

extern char** environ; // NOLINT: POSIX has it in no header

namespace
{

using vx::cni::CniError;
using vx::cni::Code;
using vx::cni::Command;
using vx::cni::Json;
using vx::cni::Outcome;

vx::cni::Variables variables()
{
    vx::cni::Variables all;
    for (char** variable = environ; *variable != nullptr; ++variable) {
        const std::string_view text = *variable;
        const std::size_t equals = text.find('=');
        if (equals != text.npos)
            all.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
    return all;
}

Outcome<std::string> read_stdin()
{
    std::string text;
    std::array<char, 16 << 10> chunk;
    for (;;) {
        const ssize_t size = read(STDIN_FILENO, chunk.data(), chunk.size());
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return fail(Code::kIo, "reading the network configuration from stdin: {}", std::strerror(errno));
        if (size == 0)
            return text;
        text.append(chunk.data(), static_cast<std::size_t>(size));
    }
}

// What goes to stdout; null is nothing.
Outcome<Json> carry_out(const vx::cni::Environment& environment, const std::string& text)
{
    if (environment.command == Command::kVersion)
        return Json{{"cniVersion", vx::cni::version_of(text)}, {"supportedVersions", vx::cni::kVersions}};
    const auto conf = vx::cni::parse_conf(text);
    if (!conf)
        return conf.error();
    if (environment.command == Command::kAdd)
        return add(*conf, environment, text);
    const auto done =
        environment.command == Command::kDel ? del(*conf, environment, text) : check(*conf, environment, text);
    if (!done)
        return done.error();
    return Json{};
}

int print(const Json& answer)
{
    const std::string text = answer.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
    std::string_view rest = text;
    while (!rest.empty()) {
        const ssize_t size = write(STDOUT_FILENO, rest.data(), rest.size());
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return 1;
        rest.remove_prefix(static_cast<std::size_t>(size));
    }
    return 0;
}

int complain(const CniError& failure, const std::string& text)
{
    Json answer{{"cniVersion", vx::cni::version_of(text)}, {"code", failure.code}, {"msg", failure.message}};
    if (!failure.details.empty())
        answer["details"] = failure.details;
    print(answer);
    return 1;
}

} // namespace

int main()
{
    const auto environment = vx::cni::parse_environment(variables());
    if (!environment)
        return complain(environment.error(), {});
    const auto text = read_stdin();
    if (!text)
        return complain(text.error(), {});
    const auto answer = carry_out(*environment, *text);
    if (!answer)
        return complain(answer.error(), *text);
    return answer->is_null() ? 0 : print(*answer);
}
