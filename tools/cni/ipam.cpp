// SPDX-License-Identifier: BSD-3-Clause
#include "tools/cni/ipam.h"

#include "dataplane/base/file_descriptor.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

extern char** environ; // NOLINT: POSIX has it in no header

namespace vx::cni
{

namespace
{

std::optional<std::string> find_plugin(const std::vector<std::string>& folders, const std::string& name)
{
    for (const std::string& folder : folders) {
        std::string path = folder + "/" + name;
        if (access(path.c_str(), X_OK) == 0)
            return path;
    }
    return std::nullopt;
}

// A file without a name, so that a plugin that reads late, or never, keeps nobody waiting.
FileDescriptor file_with(std::string_view text)
{
    FileDescriptor file{memfd_create("cni-conf", MFD_CLOEXEC)};
    while (file && !text.empty()) {
        const ssize_t size = write(file.get(), text.data(), text.size());
        if (size < 0 && errno != EINTR)
            return {};
        text.remove_prefix(size < 0 ? 0 : static_cast<std::size_t>(size));
    }
    if (file)
        lseek(file.get(), 0, SEEK_SET);
    return file;
}

std::string read_to_end(int fd)
{
    std::string text;
    std::array<char, 4096> chunk;
    for (;;) {
        const ssize_t size = read(fd, chunk.data(), chunk.size());
        if (size > 0)
            text.append(chunk.data(), static_cast<std::size_t>(size));
        else if (size == 0 || errno != EINTR)
            return text;
    }
}

// 0, or an errno. The child has `input` and `output` for its stdin and stdout, and its own CNI_COMMAND.
int start(const std::string& path, std::string_view command, int input, int output, pid_t& child)
{
    std::vector<std::string> variables = {fmt::format("CNI_COMMAND={}", command)};
    for (char** variable = environ; *variable != nullptr; ++variable)
        if (std::strncmp(*variable, "CNI_COMMAND=", 12) != 0)
            variables.emplace_back(*variable);
    std::vector<char*> pointers;
    for (std::string& variable : variables)
        pointers.push_back(variable.data());
    pointers.push_back(nullptr);
    std::string name = path;
    std::array<char*, 2> arguments = {name.data(), nullptr};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    const int failed = posix_spawn(&child, path.c_str(), &actions, nullptr, arguments.data(), pointers.data());
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

struct Ended {
    int status = 0; // of waitpid()
    std::string output;
};

Outcome<Ended> run(const std::string& path, std::string_view command, std::string_view conf_text)
{
    const FileDescriptor input = file_with(conf_text);
    std::array<int, 2> ends{};
    if (!input || pipe2(ends.data(), O_CLOEXEC) != 0)
        return fail(Code::kIo, "running {}: {}", path, std::strerror(errno));
    const FileDescriptor output{ends[0]};
    FileDescriptor childs_end{ends[1]};
    pid_t child = 0;
    const int failed = start(path, command, input.get(), childs_end.get(), child);
    if (failed != 0)
        return fail(Code::kIpam, "running {}: {}", path, std::strerror(failed));
    childs_end = FileDescriptor{}; // closed: the output ends with the child's
    Ended ended;
    ended.output = read_to_end(output.get());
    while (waitpid(child, &ended.status, 0) < 0 && errno == EINTR) {
    }
    return ended;
}

CniError complaint(const std::string& name, std::string_view command, const Ended& ended)
{
    const Json said = Json::parse(ended.output, nullptr, false);
    if (said.is_object() && said.contains("msg") && said.at("msg").is_string()) {
        const bool has_code = said.contains("code") && said.at("code").is_number_integer();
        CniError failure =
            fail(Code::kIpam, "IPAM plugin {}: {}: {}", name, command, said.at("msg").get<std::string>());
        if (has_code && said.at("code").get<int>() > 0)
            failure.code = said.at("code").get<int>();
        if (said.contains("details") && said.at("details").is_string())
            failure.details = said.at("details").get<std::string>();
        return failure;
    }
    if (WIFSIGNALED(ended.status))
        return fail(Code::kIpam, "IPAM plugin {}: {}: ended by signal {}", name, command, WTERMSIG(ended.status));
    return fail(Code::kIpam, "IPAM plugin {}: {}: exit status {} without a word of why", name, command,
                WEXITSTATUS(ended.status));
}

CniError misunderstood(std::string_view what)
{
    return fail(Code::kIpam, "the result has {}", what);
}

} // namespace

const std::string* text_in(const Json& object, const char* name)
{
    const auto found = object.is_object() ? object.find(name) : object.end();
    return object.is_object() && found != object.end() ? found->get_ptr<const std::string*>() : nullptr;
}

namespace
{

// Optional; false where it is there and is no address.
bool read_address(const Json& object, const char* name, std::optional<IpAddress>& to)
{
    const std::string* const text = text_in(object, name);
    if (text == nullptr || text->empty())
        return true;
    to = IpAddress::parse(*text);
    return to.has_value();
}

const Json& list_in(const Json& result, const char* name)
{
    static const Json kNone = Json::array();
    const auto found = result.is_object() ? result.find(name) : result.end();
    return result.is_object() && found != result.end() && found->is_array() ? *found : kNone;
}

} // namespace

Outcome<IpamResult> parse_result(const Json& json)
{
    if (!json.is_object())
        return misunderstood("no JSON object");
    IpamResult result;
    for (const Json& ip : list_in(json, "ips")) {
        const std::string* const text = text_in(ip, "address");
        const auto address = text == nullptr ? std::nullopt : IpPrefix::parse(*text);
        Lease lease;
        if (!address || !read_address(ip, "gateway", lease.gateway))
            return misunderstood(fmt::format("an address that is none: {}", ip.dump()));
        lease.address = *address;
        result.leases.push_back(lease);
    }
    for (const Json& json_route : list_in(json, "routes")) {
        const std::string* const text = text_in(json_route, "dst");
        const auto destination = text == nullptr ? std::nullopt : IpPrefix::parse(*text);
        RouteEntry route;
        if (!destination || !read_address(json_route, "gw", route.gateway))
            return misunderstood(fmt::format("a route that is none: {}", json_route.dump()));
        route.destination = destination->network();
        result.routes.push_back(route);
    }
    if (json.contains("dns") && json.at("dns").is_object())
        result.dns = json.at("dns");
    return result;
}

Outcome<std::string> run_ipam(const NetConf& conf, const Environment& environment, std::string_view command,
                              std::string_view conf_text)
{
    const auto path = find_plugin(environment.plugin_folders, conf.ipam);
    if (!path)
        return fail(Code::kInvalidEnvironment, "CNI_PATH: the IPAM plugin {} is in none of the folders {}", conf.ipam,
                    fmt::join(environment.plugin_folders, ":"));
    auto ended = run(*path, command, conf_text);
    if (!ended)
        return std::move(ended).error();
    if (!WIFEXITED(ended->status) || WEXITSTATUS(ended->status) != 0)
        return complaint(conf.ipam, command, *ended);
    return std::move(ended->output);
}

} // namespace vx::cni
