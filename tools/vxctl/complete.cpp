// SPDX-License-Identifier: BSD-3-Clause
#include "tools/vxctl/complete.h"

#include "tools/vxctl/client.h"
#include "tools/vxctl/daemon_program.h"

#include <array>
#include <cstdio>

namespace vx
{

namespace
{

constexpr std::array<std::string_view, 15> kOptions = {"-statistics", "-details", "-brief",   "-oneline", "-4",
                                                       "-6",          "-family",  "-json",    "-pretty",  "-color",
                                                       "-batch",      "-force",   "--socket", "-Version", "-help"};

bool takes_value(std::string_view option)
{
    option.remove_prefix(option.starts_with("--") ? 2 : 1);
    return !option.empty() && (std::string_view{"batch"}.starts_with(option) ||
                               std::string_view{"family"}.starts_with(option) || option == "socket");
}

void print(std::string_view word)
{
    std::printf("%.*s\n", static_cast<int>(word.size()), word.data());
}

// False where no vxd answers.
bool ask(const std::string& socket, const CommandWords& words)
{
    auto client = Client::find(socket);
    if (!client || !*client)
        return false;
    Request request;
    request.id = 1;
    request.commands.add_word(kCompleteWord);
    request.commands.add(words);
    const auto encoded = encode_request(request);
    const auto response = encoded ? (*client)->run(*encoded) : Result<Response>{encoded.error()};
    if (!response || !response->failures.empty())
        return false;
    for (const auto& [index, output] : response->outputs.printed())
        if (output.is_string())
            std::fputs(output.get_ref<const std::string&>().c_str(), stdout);
    return true;
}

} // namespace

int complete(CommandWords words)
{
    std::string socket = default_socket_path();
    std::size_t at = 0;
    while (at + 1 < words.size() && words[at].size() > 1 && words[at].front() == '-') {
        const std::string_view option = words[at++];
        const bool has_value = option.find('=') != option.npos;
        if (option.starts_with("--socket="))
            socket = option.substr(option.find('=') + 1);
        if (has_value || !takes_value(option))
            continue;
        if (at + 1 == words.size())
            return 0; // a file, or a family
        if (option == "--socket" || option == "-socket")
            socket = words[at];
        ++at;
    }
    if (at >= words.size())
        return 0;
    words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(at));
    if (words.size() == 1 && words.front().starts_with('-')) {
        for (const std::string_view option : kOptions)
            if (option.starts_with(words.front()))
                print(option);
        return 0;
    }
    if (!ask(socket, words)) {
        words.insert(words.begin(), std::string{kCompleteWord});
        (void)run_daemon_program(std::move(words));
    }
    return 0;
}

} // namespace vx
