// SPDX-License-Identifier: BSD-3-Clause
// vxctl: sends commands to vxd and prints what it answers. It knows no command itself: words go out as they are, and
// vxd's command table is the grammar and the help, for which, as for the reasons of drops, no vxd has to run. Of
// `config diff` and `config apply` it reads the file; of `capture` it knows what becomes of the packets (capture.h);
// `top` is its own (top/top.h).
//
// Exit status, as ip(8): 0 done; 1 a command or option that could not be understood, or names a device that there is
// not; 2 one that was refused, or no vxd. With -batch it is 1 for both. `config diff`, as diff(1): 0 no difference, 1
// some, 2 trouble.
#include "tools/vxctl/capture.h"
#include "tools/vxctl/client.h"
#include "tools/vxctl/complete.h"
#include "tools/vxctl/config_command.h"
#include "tools/vxctl/daemon_program.h"
#include "tools/vxctl/monitor.h"
#include "tools/vxctl/terminal.h"
#include "tools/vxctl/top/top.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <vector>

namespace
{

using vx::Error;
using vx::fail;
using vx::kDone;
using vx::kRefused;
using vx::kUsage;
using vx::print;
using vx::Result;

constexpr int kDifferent = 3; // of `config diff`; 1 outside

constexpr std::string_view kUsageText = "Usage: vxctl [ OPTIONS ] OBJECT { COMMAND | help }\n"
                                        "       vxctl [ OPTIONS ] -batch FILE\n";
constexpr std::string_view kOptionsText =
    "Options:\n"
    "  -s[tatistics]  with link show and addr show: packets, bytes and drops\n"
    "  -d[etails]     of devices; they are always shown\n"
    "  -br[ief]       with link show and addr show: a line for each device\n"
    "  -o[neline]     each record on one line\n"
    "  -4, -6         only addresses, routes and neighbours of this family; also -f[amily] inet | inet6\n"
    "  -j[son]        print JSON\n"
    "  -p[retty]      with -j: print it for people to read\n"
    "  -c[olor]       also with =never, =auto or =always: only top has colours, and none with =never or $NO_COLOR\n"
    "  -b[atch] FILE  run the commands in FILE (\"-\" is stdin), one a line, as one transaction: all or nothing\n"
    "  -force         with -batch: each command on its own, going on after one that fails\n"
    "  --socket PATH  vxd's socket (default: $VXD_SOCKET, else /run/vxd/vxd.sock)\n"
    "  -V[ersion]     print the version\n"
    "  -h[elp]        print this, and what vxd understands\n";

enum class Output : std::uint8_t { kText, kJson, kPrettyJson };

struct Invocation {
    enum class Action : std::uint8_t { kRun, kBatch, kHelp, kVersion };
    Action action = Action::kRun;
    Output output = Output::kText;
    bool goes_on = false; // -force
    std::string socket_path = vx::default_socket_path();
    std::string batch_path;
    vx::Request::Config config = vx::Request::Config::kNone; // what to do with the batch
    vx::CommandWords options;                                // for vxd, before each command
    vx::CommandWords words;
};

// Any abbreviation, as ip(8) has it; but --socket in full, for -s means something else there.
bool is_option(std::string_view word, std::string_view name)
{
    return !word.empty() && name.starts_with(word);
}

// The options that are vxd's to understand, in full; empty for others.
std::string_view forwarded(std::string_view name)
{
    if (name == "4" || name == "6")
        return name == "4" ? "-4" : "-6";
    if (is_option(name, "stats"))
        return "-statistics";
    for (const std::string_view known : {"-statistics", "-details", "-oneline"})
        if (is_option(name, known.substr(1)))
            return known;
    return name != "b" && is_option(name, "brief") ? "-brief" : "";
}

bool takes_none(std::string_view name)
{
    return !forwarded(name).empty() || name == "version" ||
           std::ranges::any_of(std::initializer_list<std::string_view>{"json", "pretty", "force", "Version", "help"},
                               [&](std::string_view option) { return is_option(name, option); });
}

Error unknown_option(std::string_view name, const char* as_given)
{
    for (const std::string_view theirs : {"resolve", "netns", "Numeric", "human-readable", "iec", "timestamp", "tshort",
                                          "all", "echo", "rcvbuf", "loops", "0", "M", "B"})
        if (is_option(name, theirs))
            return vx::usage_error("option \"{}\" is ip's -{}, which vxctl does not have (try vxctl -help)", as_given,
                                   theirs);
    return vx::usage_error("option \"{}\" is unknown (try vxctl -help)", as_given);
}

Result<Invocation> parse_arguments(int argc, char** argv)
{
    using Action = Invocation::Action;
    Invocation invocation;
    bool is_json = false;
    bool is_pretty = false;
    int at = 1;
    for (; at < argc && argv[at][0] == '-' && argv[at][1] != '\0'; ++at) {
        std::string_view name = argv[at];
        name.remove_prefix(name.starts_with("--") ? 2 : 1);
        if (name.empty()) { // "--": what follows are words
            ++at;
            break;
        }
        std::optional<std::string> value;
        if (const std::size_t equals = name.find('='); equals != name.npos) {
            value = name.substr(equals + 1);
            name = name.substr(0, equals);
        }
        if (is_option(name, "color")) {
            if (value && *value != "never" && *value != "auto" && *value != "always")
                return vx::usage_error("option -color: \"{}\" is none of never, auto and always", *value);
            if (value == "never")
                setenv("NO_COLOR", "1", 1); // for top: nothing else has any
            continue;
        }
        const bool takes_value = is_option(name, "batch") || is_option(name, "family") || name == "socket";
        if (takes_value && !value) {
            if (++at >= argc)
                return vx::usage_error("option \"{}\" needs a value", argv[at - 1]);
            value = argv[at];
        }
        if (value && !takes_value)
            return takes_none(name) ? vx::usage_error("option \"{}\" takes no value (try vxctl -help)", argv[at])
                                    : unknown_option(name, argv[at]);
        if (const std::string_view option = forwarded(name); !option.empty())
            invocation.options.emplace_back(option);
        else if (is_option(name, "json"))
            is_json = true;
        else if (is_option(name, "pretty"))
            is_pretty = true;
        else if (is_option(name, "batch")) {
            invocation.batch_path = *value;
            invocation.action = Action::kBatch;
        } else if (is_option(name, "family")) {
            if (*value != "inet" && *value != "inet6")
                return vx::usage_error("option -family: \"{}\" is neither inet nor inet6", *value);
            invocation.options.emplace_back(*value == "inet" ? "-4" : "-6");
        } else if (is_option(name, "force"))
            invocation.goes_on = true;
        else if (name == "socket")
            invocation.socket_path = *value;
        else if (is_option(name, "Version") || name == "version")
            invocation.action = Action::kVersion;
        else if (is_option(name, "help"))
            invocation.action = Action::kHelp;
        else
            return unknown_option(name, argv[at]);
    }
    invocation.output = !is_json ? Output::kText : is_pretty ? Output::kPrettyJson : Output::kJson;
    invocation.words.assign(argv + at, argv + argc);
    if (invocation.action == Action::kBatch && !invocation.words.empty())
        return vx::usage_error("\"{}\" after -batch FILE: the commands come from the file", invocation.words.front());
    if (invocation.words.size() == 1 && invocation.words.front() == "help")
        invocation.action = Action::kHelp;
    auto command = vx::read_config_command(invocation.words);
    if (!command)
        return std::move(command).error();
    if (*command) {
        invocation.action = Action::kBatch;
        invocation.batch_path = (*command)->path;
        invocation.config = (*command)->what;
    }
    return invocation;
}

Result<std::string> read_all(const std::string& path)
{
    const bool is_stdin = path == "-";
    const int fd = is_stdin ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return vx::usage_error("open {}: {}", path, std::strerror(errno)); // 1, as ip
    std::string text;
    if (struct stat file{}; fstat(fd, &file) == 0 && S_ISREG(file.st_mode))
        text.reserve(static_cast<std::size_t>(file.st_size)); // a batch may have a hundred megabytes
    std::array<char, 256 << 10> chunk;
    ssize_t size = 0;
    do {
        size = read(fd, chunk.data(), chunk.size());
        if (size > 0)
            text.append(chunk.data(), static_cast<std::size_t>(size));
    } while (size > 0 || (size < 0 && errno == EINTR));
    const int reason = errno;
    if (!is_stdin)
        close(fd);
    if (size < 0)
        return vx::usage_error("read {}: {}", path, std::strerror(reason));
    return text;
}

Result<vx::Response> ask(const Invocation& invocation, Result<std::string> request)
{
    if (!request)
        return std::move(request).error();
    auto client = vx::Client::connect(invocation.socket_path);
    if (!client)
        return std::move(client).error();
    return client->run(*std::move(request));
}

Result<vx::Response> ask(const Invocation& invocation, const vx::Request& request)
{
    return ask(invocation, vx::encode_request(request));
}

// Everything that vxd printed, and everything that it complained of. `place` is "FILE:7: " or "vxctl: " for a command.
template <typename Place>
int report(const Invocation& invocation, const vx::Response& response, Place place)
{
    std::string text;
    for (const vx::Outputs::Printed& printed : response.outputs.printed()) {
        const nlohmann::ordered_json& output = printed.second;
        if (output.is_string() && invocation.output == Output::kText)
            text += output.get_ref<const std::string&>();
        else if (!output.is_null() && invocation.output != Output::kText)
            text += output.dump(invocation.output == Output::kPrettyJson ? 4 : -1) + '\n';
    }
    std::string complaints;
    int status = kDone;
    for (const std::string& warning : response.warnings)
        complaints += fmt::format("vxctl: warning: {}\n", warning);
    for (const vx::Failure& failure : response.failures) {
        complaints += fmt::format("{}{}\n", place(failure), failure.error.message);
        status = std::max(status, failure.error.kind == Error::Kind::kUsage ? kUsage : kRefused);
    }
    const int printing = print(STDOUT_FILENO, text);
    print(STDERR_FILENO, complaints);
    return std::max(status, printing);
}

vx::Request request_of(const Invocation& invocation)
{
    vx::Request request;
    request.id = 1;
    request.format = invocation.output == Output::kText ? vx::Format::kText : vx::Format::kJson;
    return request;
}

// What vxctl has a part in itself. With "help", it is vxd's to explain as all others.
bool is_stream(std::string_view name, const vx::CommandWords& words)
{
    return !words.empty() && words.front().size() >= 2 && name.starts_with(words.front()) &&
           (words.size() == 1 || words.back() != "help");
}

std::string_view json_option(Output output)
{
    return output == Output::kText ? "" : output == Output::kJson ? "-json" : "-pretty";
}

int run_command(const Invocation& invocation)
{
    vx::Request request = request_of(invocation);
    for (const std::string& option : invocation.options)
        request.commands.add_word(option);
    request.commands.add(invocation.words);
    const auto response = ask(invocation, request);
    if (!response)
        if (const auto status = vx::say_without_daemon(invocation.words, json_option(invocation.output)))
            return *status;
    if (!response)
        return fail(response.error());
    return report(invocation, *response, [](const vx::Failure&) { return "vxctl: "; });
}

// What `config diff` got has lines, or commands in JSON.
bool has_difference(const vx::Response& response)
{
    const auto& printed = response.outputs.printed();
    if (printed.empty() || !printed.front().second.is_object())
        return !printed.empty();
    return std::any_of(printed.front().second.begin(), printed.front().second.end(),
                       [](const nlohmann::ordered_json& commands) { return !commands.empty(); });
}

// A script goes to vxd as it is. What JSON has no bytes for, in a comment perhaps, or words that may not be UTF-8, does
// not: of such a script vxd gets the words.
int run_batch(const Invocation& invocation)
{
    auto text = read_all(invocation.batch_path);
    if (!text)
        return fail(text.error());
    const std::string name = invocation.batch_path == "-" ? "stdin" : invocation.batch_path;
    vx::Request request = request_of(invocation);
    request.config = invocation.config;
    if (invocation.goes_on && invocation.config == vx::Request::Config::kNone)
        request.on_failure = vx::OnFailure::kGoOn;
    const bool is_plain = vx::is_plain_script(*text);
    vx::Script script;
    if (!is_plain) {
        const std::vector<std::string_view> options(invocation.options.begin(), invocation.options.end());
        script = vx::read_script(*text, options);
        if (script.failure) {
            const vx::Failure& failure = *script.failure;
            print(STDERR_FILENO, vx::at_line(name, failure.line, failure.error).message + '\n');
            return kUsage;
        }
        request.commands = std::move(script.commands);
    }
    const auto response = ask(invocation, is_plain ? vx::encode_request(request, *text, invocation.options)
                                                   : vx::encode_request(request));
    if (!response)
        return fail(response.error());
    const int status = report(invocation, *response, [&](const vx::Failure& failure) {
        const std::size_t line = is_plain                              ? failure.line
                                 : failure.index < script.lines.size() ? script.lines[failure.index]
                                                                       : 0; // of no line
        return line == 0 ? fmt::format("{}: ", name) : fmt::format("{}:{}: ", name, line);
    });
    if (!response->failures.empty())
        return kUsage;
    return invocation.config == vx::Request::Config::kDiff && has_difference(*response) ? kDifferent : status;
}

int help(const Invocation& invocation)
{
    vx::Request request = request_of(invocation);
    request.format = vx::Format::kText;
    request.commands = {{"help"}};
    const auto response = ask(invocation, request);
    if (response && response->failures.empty() && response->outputs.size() == 1 && response->outputs[0].is_string())
        return print(STDOUT_FILENO,
                     fmt::format("{}{}", response->outputs[0].get_ref<const std::string&>(), kOptionsText));
    if (vx::run_daemon_program({"help"}) == kDone)
        return print(STDOUT_FILENO, kOptionsText);
    return print(STDOUT_FILENO,
                 fmt::format("{}{}The objects and their commands are vxd's to tell, and it does not answer on {}.\n",
                             kUsageText, kOptionsText, invocation.socket_path));
}

} // namespace

int main(int argc, char** argv)
{
    if (argc > 1 && argv[1] == vx::kCompleteWord)
        return vx::complete({argv + 2, argv + argc});
    const auto invocation = parse_arguments(argc, argv);
    if (!invocation)
        return fail(invocation.error());
    switch (invocation->action) {
    case Invocation::Action::kHelp:
        return help(*invocation);
    case Invocation::Action::kVersion:
        return print(STDOUT_FILENO, "vxctl " VXD_VERSION "\n");
    case Invocation::Action::kBatch: {
        const int status = run_batch(*invocation);
        if (invocation->config != vx::Request::Config::kDiff || status == kDone)
            return status;
        return status == kDifferent ? 1 : 2;
    }
    case Invocation::Action::kRun:
        break;
    }
    if (is_stream("monitor", invocation->words)) {
        vx::Request request = request_of(*invocation);
        request.commands.add(invocation->words);
        return vx::run_monitor(request, invocation->socket_path);
    }
    if (is_stream("capture", invocation->words) || is_stream("trace", invocation->words)) {
        const auto capture = vx::parse_capture(invocation->words);
        return capture ? vx::run_capture(*capture, invocation->socket_path) : fail(capture.error());
    }
    if (is_stream("top", invocation->words)) {
        using Shown = vx::top::Output;
        const auto top = vx::top::parse(invocation->words, invocation->output == Output::kText   ? Shown::kText
                                                           : invocation->output == Output::kJson ? Shown::kJson
                                                                                                 : Shown::kPrettyJson);
        return top ? vx::top::run(*top, invocation->socket_path) : fail(top.error());
    }
    if (invocation->words.empty()) {
        print(STDERR_FILENO, fmt::format("{}{}", kUsageText, kOptionsText));
        return kUsage;
    }
    return run_command(*invocation);
}
