// SPDX-License-Identifier: BSD-3-Clause
// `explain`: what would become of a frame, by the workers' own code, step by step.
#include "control/commands/frame_words.h"
#include "control/commands/nouns.h"
#include "control/commands/show.h"
#include "control/grammar/arguments.h"
#include "control/watch/sight.h"
#include "dataplane/net/headers.h"

namespace vx
{

namespace
{

using Json = nlohmann::ordered_json;
using Sight = Dataplane::Explanation::Sight;

std::string_view name_of_point(CapturePoint point)
{
    constexpr std::string_view kNames[] = {"port", "vxlan", "bridge", "host", "drop"};
    return kNames[static_cast<std::size_t>(point)];
}

const EthernetHeader* ethernet_of(const Sight& sight)
{
    return sight.bytes.size() < sizeof(EthernetHeader) ? nullptr
                                                       : reinterpret_cast<const EthernetHeader*>(sight.bytes.data());
}

// What the FDB says of a MAC address in the domain of a device.
std::string fdb_text(const Transaction& transaction, LinkId device, const Mac& mac)
{
    if (mac.is_group())
        return fmt::format("{} is a group address", mac.to_string());
    const Link* link = transaction.model().find(device);
    const FdbKey key{transaction.model().domain_of(*link), mac};
    const auto dest = transaction.fdb_find(key);
    if (!dest)
        return fmt::format("{} is not in the FDB", mac.to_string());
    std::string text =
        fmt::format("{} is in the FDB: dev {}", mac.to_string(), name_of(transaction.model(), dest->link()));
    for (const Remote& remote : transaction.remotes_of(*dest))
        text += fmt::format(" dst {}", remote.address.to_string());
    if (dest->kind() == Dest::Kind::kLocal)
        return text + ", an own address";
    const auto seen = transaction.dataplane().fdb().last_seen(key);
    if (dest->has(Dest::kLearned) && seen)
        return text + fmt::format(", learned, used {} s ago", transaction.now_seconds() - *seen);
    return text + (dest->has(Dest::kPermanent)  ? ", permanent"
                   : dest->has(Dest::kExternal) ? ", told by a control plane"
                                                : ", configured");
}

// One step, in words.
std::string text_of(const Transaction& transaction, const Sight& sight)
{
    const CaptureRecord& record = sight.record;
    const Model& model = transaction.model();
    const std::string device = name_of(model, record.link);
    const bool is_in = record.direction == Direction::kIn;
    const EthernetHeader* const ethernet = ethernet_of(sight);
    const std::string what = what_of(record, [&](LinkId link) { return name_of(model, link); });
    switch (record.point) {
    case CapturePoint::kPort: {
        const std::string to = is_in || ethernet == nullptr ? "" : ", to " + ethernet->destination.to_string();
        return fmt::format("{}: {}, {} bytes{}", device, is_in ? "comes in" : "leaves", record.size, to);
    }
    case CapturePoint::kVxlan: {
        const Link* link = model.find(record.link);
        const std::string vni =
            link == nullptr || link->vxlan() == nullptr ? "" : fmt::format(" vni {},", link->vxlan()->vni.value());
        return fmt::format("{}: {},{} {}", device, is_in ? "decapsulated" : "encapsulated", vni, what);
    }
    case CapturePoint::kBridge: {
        std::string text = fmt::format("{}: {}", device, what);
        if (ethernet == nullptr)
            return text;
        text += fmt::format("\n    {}", fdb_text(transaction, record.link, ethernet->destination));
        return is_in ? text + fmt::format("\n    {}", fdb_text(transaction, record.link, ethernet->source)) : text;
    }
    case CapturePoint::kHost:
    case CapturePoint::kDrop:
        break;
    }
    return fmt::format("{}: {}", device, what);
}

Result<Reply> explain(Transaction& transaction, Words& words)
{
    const Link* in = nullptr;
    std::optional<std::vector<std::byte>> frame;
    while (!words.done()) {
        if (words.take("dev")) {
            const auto link = read_device(transaction, words);
            if (!link)
                return link.error();
            in = *link;
        } else if (frame) {
            return words.unexpected();
        } else {
            const bool is_device = in == nullptr && transaction.model().find(words.peek()) != nullptr;
            auto read = read_frame(words);
            if (!read)
                return is_device ? words.missing("dev") : std::move(read).error();
            frame = *std::move(read);
        }
    }
    if (auto end = words.finish(); !end)
        return std::move(end).error();
    if (in == nullptr)
        return words.missing("dev");
    if (!frame)
        return words.missing("a frame");
    const auto explanation = transaction.dataplane().explain(in->id, *frame);
    if (!explanation)
        return error("explain: {}: {}", in->name, explanation.error().message);
    Reply reply;
    reply.json = Json::array();
    for (const Sight& sight : explanation->sights) {
        const std::string text = text_of(transaction, sight);
        reply.text += text + '\n';
        Json step{{"point", name_of_point(sight.record.point)},
                  {"ifname", name_of(transaction.model(), sight.record.link)},
                  {"direction", sight.record.direction == Direction::kIn ? "in" : "out"},
                  {"size", sight.record.size},
                  {"text", text}};
        if (sight.record.point == CapturePoint::kDrop)
            step["drop"] = to_string(sight.record.dest.reason());
        reply.json.push_back(std::move(step));
    }
    if (explanation->lost != 0) {
        const std::string text = fmt::format("and {} steps more, of other copies", explanation->lost);
        reply.text += text + '\n';
        reply.json.push_back({{"point", "lost"},
                              {"ifname", in->name},
                              {"direction", "out"},
                              {"size", 0},
                              {"steps", explanation->lost},
                              {"text", text}});
    }
    if (explanation->is_learned)
        reply.text += "its source address would be learned\n";
    return reply;
}

constexpr Command kExplainTable[] = {
    {"explain", "",
     "dev DEV { HEX | eth src MAC dst MAC [ type N ] [ vlan ID ] { arp who ADDR tell ADDR | { ip | ip6 } src ADDR dst "
     "ADDR "
     "[ ttl N ] [ tos N ] { icmp | { udp | tcp } [ sport N ] [ dport N ] [ vxlan vni VNI eth ... ] } } [ size BYTES ] "
     "}",
     "what would become of a frame that comes in by DEV, or that the bridge or VXLAN device DEV sends; it changes "
     "nothing",
     explain, Effect::kShows},
};

} // namespace

constinit const std::span<const Command> kExplainCommands{kExplainTable};

} // namespace vx
