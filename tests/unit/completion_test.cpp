// SPDX-License-Identifier: BSD-3-Clause
// What may come next in a command.
#include "control/grammar/completion.h"

#include "control/commands/nouns.h"
#include "tests/unit/daemon_lab.h"

using namespace vx;
using namespace vx::test;

namespace
{

// The words before the cursor, '_' being where nothing is typed yet.
std::string after(Daemon& vxd, std::string_view line)
{
    std::string text =
        vxd(fmt::format("__complete {}", line == "_"            ? "\"\""
                                         : line.ends_with(" _") ? fmt::format("{}\"\"", line.substr(0, line.size() - 1))
                                                                : std::string{line}));
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
}

} // namespace

TEST_CASE("nouns, verbs and help complete")
{
    Daemon vxd;
    for (const Noun& noun : nouns())
        CHECK(has(after(vxd, "_"), fmt::format("{} ", noun.name)));
    CHECK(after(vxd, "ro") == "route ");
    CHECK(after(vxd, "link _") == "add set change replace del show help ");
    CHECK(after(vxd, "fdb a") == "append add ");
    CHECK(after(vxd, "nonsense _").empty());
    CHECK(after(vxd, "link nonsense _").empty());
    CHECK(after(vxd, "hel") == "help ");
}

TEST_CASE("names of devices complete where a device is meant")
{
    Daemon vxd;
    vxd.tutorial();
    CHECK(after(vxd, "link del _") == "help uplink br0 docker1 vxlan100 vxlan200 ");
    CHECK(after(vxd, "link set dock") == "docker1 ");
    CHECK(after(vxd, "link set docker1 master _") == "br0 ");
    CHECK(after(vxd, "fdb add 02:00:00:00:00:01 dev vx") == "vxlan100 vxlan200 ");
    CHECK(after(vxd, "fdb show br _") == "br0 ");
    CHECK(after(vxd, "addr add 10.0.0.1/8 dev u") == "uplink ");
    CHECK(has(after(vxd, "link show _"), "docker1 "));
    CHECK(has(after(vxd, "link show _"), "master "));
    CHECK(after(vxd, "link add br").empty()); // a new name
    CHECK(after(vxd, "stats show dev br") == "br0 ");
    CHECK(after(vxd, "stats reasons vtep") == "vtep_no_route vtep_unresolved vtep_path_mtu vtep_unreachable ");
    CHECK(after(vxd, "stats reasons rx_") == "rx_missed rx_errors rx_nombuf ");
    CHECK(after(vxd, "capture v") == "vxlan100 vxlan200 ");
    CHECK(after(vxd, "capture dr") == "drop ");
    CHECK(after(vxd, "trace add a") == "all ");
    CHECK(after(vxd, "capture dev dock") == "docker1 ");
    CHECK_FALSE(has(after(vxd, "monitor _"), "]"));
    CHECK(after(vxd, "capture drop reason no_r") == "no_route ");
}

TEST_CASE("options complete, each once, and choices behind them")
{
    Daemon vxd;
    CHECK(after(vxd, "link add x ty") == "type ");
    CHECK(after(vxd, "link add x type v") == "vhost-user vdev vxlan ");
    CHECK(has(after(vxd, "link add x type vxlan _"), "nolearning "));
    CHECK(after(vxd, "link add x type vxlan id 7 loc") == "local ");
    CHECK(after(vxd, "link add x type vxlan id 7 id").empty());
    CHECK(after(vxd, "link add x type vxlan ttl _") == "auto ");
    CHECK(after(vxd, "link add x type memif role _") == "server client ");
    CHECK(after(vxd, "link add x type memif path _").empty());
    CHECK(after(vxd, "link add x type tap ne") == "netns ");
    CHECK(after(vxd, "link set x type _") == "bridge vxlan ");
    CHECK(after(vxd, "link set x type bridge ageing_") == "ageing_time ");
    CHECK(after(vxd, "route add def") == "default ");
    CHECK(after(vxd, "route add via 192.0.2.9 def") == "default "); // wherever it stands
    CHECK(after(vxd, "fdb append d") == "dev dst dynamic ");
    CHECK(after(vxd, "fdb append dev vxlan100 ex") == "extern_learn ");
    CHECK(has(after(vxd, "neigh add _"), "lladdr "));
    CHECK(after(vxd, "neigh add nud _") == "permanent noarp ");
    CHECK(after(vxd, "link add x type bridge stp") == "stp_state ");
    CHECK(after(vxd, "link replace x type vxlan nol2") == "nol2miss ");
    CHECK(after(vxd, "link change x type _") == "bridge vxlan ");
    CHECK(after(vxd, "addr show typ") == "type ");
    CHECK(after(vxd, "config apply _") == "help ");
    CHECK(after(vxd, "fdb flush dev br0 noe") == "noextern_learn ");
    CHECK(after(vxd, "fdb show state sta") == "static stale ");
}

TEST_CASE("every keyword of every usage is offered somewhere")
{
    Daemon vxd;
    for (const Noun& noun : nouns())
        for (const Command& command : *noun.commands) {
            const std::string offered = after(vxd, fmt::format("{} {} x _", noun.name, command.verb));
            std::string usage{command.usage};
            for (const char* bracket : {"[ ", " ]", "{ ", " }"})
                for (std::size_t at = 0; (at = usage.find(bracket, at)) != usage.npos;)
                    usage.replace(at, 2, " ");
            const CommandWords words = split_words(usage).value();
            for (const std::string& word : words) {
                const bool is_keyword =
                    std::all_of(word.begin(), word.end(), [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
                INFO(noun.name << " " << command.verb << ": " << word);
                if (is_keyword)
                    CHECK(has(" " + offered, " " + word + " "));
            }
        }
}

TEST_CASE("completion is in no help, and without a daemon knows all but devices")
{
    Daemon vxd;
    CHECK_FALSE(has(vxd("help"), "__complete"));
    const std::string_view words[] = {"link", "se"};
    CHECK(completions(words, nouns(), nullptr) == std::vector<std::string>{"set"});
}
