// SPDX-License-Identifier: BSD-3-Clause
// The Compiler's steps against compile(), which does all at once: whatever changes, they have to say the same.
#include "control/compile/compile.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <random>

using namespace vx;

namespace
{

IpAddress ip(const std::string& text)
{
    return *IpAddress::parse(text);
}

// A Model that is changed at random, as transactions change it: what is touched is noted as it was.
class World
{
public:
    explicit World(unsigned seed) : random_(seed)
    {
        add_link("uplink", PortSpec{});
        add_link("uplink2", PortSpec{});
        for (int i = 0; i < 4; ++i)
            add_link(fmt::format("br{}", i), BridgeSettings{});
        for (int i = 0; i < 6; ++i)
            add_link(fmt::format("port{}", i), PortSpec{});
        for (std::uint32_t i = 0; i < 8; ++i)
            add_vxlan(i);
        add_address({LinkId{1}, *IpPrefix::parse("192.0.2.1/24")});
    }

    void step()
    {
        for (unsigned changes = 1 + pick(3); changes != 0; --changes)
            change();
        // As Controller::commit: what lists name is interned before the config is made.
        for (const auto& [id, old] : diff_.links) {
            const Link* link = model.find(id);
            if (link != nullptr && link->vxlan() != nullptr)
                for (const Remote& remote : link->vxlan()->flood)
                    vteps.acquire(vteps.intern({id, remote}));
            if (old && old->vxlan() != nullptr)
                for (const Remote& remote : old->vxlan()->flood)
                    vteps.release(vteps.intern({id, remote}));
        }
    }
    ModelDiff take_diff() { return std::exchange(diff_, {}); }
    std::optional<NeighborKey> take_resolved() { return std::exchange(resolved_, std::nullopt); }
    std::optional<Mac> mac_of(const NeighborKey& key) const
    {
        if (const auto fixed = model.neighbors().find(key); fixed != model.neighbors().end())
            return fixed->second.mac;
        const auto found = known_.find(key);
        return found == known_.end() ? std::nullopt : std::optional{found->second};
    }

    Model model;
    VtepRegistry vteps;
    Fdb fdb;
    NeighborTable neighbors;
    Adjacencies adjacencies{neighbors, fdb};

private:
    unsigned pick(unsigned bound) { return std::uniform_int_distribution<unsigned>(0, bound - 1)(random_); }
    void note(LinkId id)
    {
        if (const auto [at, is_new] = diff_.links.try_emplace(id); is_new && model.find(id) != nullptr)
            at->second = *model.find(id);
    }
    void add_link(const std::string& name, std::variant<PortSpec, BridgeSettings, VxlanSettings> kind)
    {
        Link link;
        link.id = model.take_link_id();
        link.name = name;
        link.mac = Mac::from_u64(0x020000000000ULL + link.id.value);
        if (!std::holds_alternative<PortSpec>(kind))
            link.own_bridge = model.take_bridge_id();
        link.kind = std::move(kind);
        note(link.id);
        model.put(std::move(link));
    }
    void add_vxlan(std::uint32_t vni)
    {
        VxlanSettings vxlan;
        vxlan.vni = *Vni::from(vni * 3000);
        vxlan.local = ip(vni % 4 == 3 ? "10.1.0.1" : "192.0.2.1");
        vxlan.udp_port = vni % 2 == 0 ? 4789 : 8472;
        if (model.find_vxlan(vxlan.udp_port, vxlan.vni) == nullptr)
            add_link(fmt::format("vx{}", vni), vxlan);
    }
    void add_address(const AddressKey& key)
    {
        const Link* owner = model.owner_of(key.second.address());
        if (owner != nullptr && owner->id != key.first)
            return;
        diff_.addresses.try_emplace(key, model.addresses().contains(key));
        model.add_address(key);
    }
    LinkId any_link()
    {
        auto at = model.links().begin();
        std::advance(at, pick(static_cast<unsigned>(model.links().size())));
        return at->first;
    }
    LinkId any_vxlan()
    {
        for (;;)
            if (const LinkId id = any_link(); model.find(id)->vxlan() != nullptr)
                return id;
    }
    Mac any_next_hop() { return Mac::from_u64(0x020000000400ULL + pick(2)); }
    bool has_anything(LinkId id) const { return model.has_address(id) || model.has_route(id); }
    Remote any_remote(const VxlanSettings& vxlan)
    {
        constexpr std::array kAddresses = {"192.0.2.2", "192.0.2.3", "198.51.100.7", "203.0.113.9", "10.1.0.1"};
        return {ip(kAddresses[pick(kAddresses.size())]), vxlan.udp_port, vxlan.vni};
    }

    void change()
    {
        const LinkId id = any_link();
        const Link& link = *model.find(id);
        switch (pick(15)) {
        case 0:
            note(id);
            model.edit(id)->is_up = !link.is_up;
            break;
        case 1: // into a bridge, or out of it
            if (link.bridge() == nullptr && !has_anything(id)) {
                note(id);
                Link moved = link;
                const LinkId master = any_link();
                moved.master = model.find(master)->bridge() != nullptr && pick(4) != 0 ? master : kNoLink;
                model.put(moved);
            }
            break;
        case 2:
            note(id);
            model.edit(id)->mtu = static_cast<std::uint16_t>(1000 + pick(3));
            break;
        case 3:
            note(id);
            model.edit(id)->mac = Mac::from_u64(0x020000000100ULL + pick(100));
            break;
        case 4:
        case 5: {
            const LinkId vxlan = any_vxlan();
            note(vxlan);
            auto& flood = model.edit(vxlan)->vxlan()->flood;
            const Remote remote = any_remote(*model.find(vxlan)->vxlan());
            if (std::erase(flood, remote) == 0)
                flood.push_back(remote);
            break;
        }
        case 6: {
            const LinkId vxlan = any_vxlan();
            note(vxlan);
            VxlanSettings& settings = *model.edit(vxlan)->vxlan();
            settings.ttl = static_cast<std::uint8_t>(pick(3));
            settings.learning = pick(2) == 0;
            break;
        }
        case 7:
            if (link.master.is_none()) {
                constexpr std::array kPrefixes = {"192.0.2.1/24", "10.1.0.1/16", "10.2.0.1/16", "203.0.113.1/25",
                                                  "203.0.113.9/32"};
                add_address({id, *IpPrefix::parse(kPrefixes[pick(kPrefixes.size())])});
            }
            break;
        case 8:
            if (model.has_address(id)) {
                const AddressKey key = *model.addresses_of(id).begin();
                diff_.addresses.try_emplace(key, true);
                model.remove_address(key);
            }
            break;
        case 9: {
            constexpr std::array kPrefixes = {"0.0.0.0/0",      "198.51.100.0/24", "198.51.100.0/25", "10.0.0.0/8",
                                              "203.0.113.0/24", "203.0.113.9/32",  "192.0.2.255/32",  "10.1.0.1/32"};
            const IpPrefix prefix = *IpPrefix::parse(kPrefixes[pick(kPrefixes.size())]);
            const auto old = model.routes().find(prefix);
            diff_.routes.try_emplace(prefix, old == model.routes().end() ? std::nullopt : std::optional{old->second});
            if (link.master.is_none() && pick(3) != 0)
                model.set_route(prefix, {ip("192.0.2.254"), id, true});
            else
                model.remove_route(prefix);
            break;
        }
        case 10: {
            const NeighborKey key{LinkId{static_cast<std::uint16_t>(1 + pick(2))},
                                  ip(pick(2) == 0 ? "192.0.2.2" : "192.0.2.254")};
            if (pick(2) == 0) {
                known_[key] = Mac::from_u64(0x020000000200ULL + pick(4));
                resolved_ = key;
                break;
            }
            const auto old = model.neighbors().find(key);
            diff_.neighbors.try_emplace(key,
                                        old == model.neighbors().end() ? std::nullopt : std::optional{old->second});
            if (old == model.neighbors().end())
                model.set_neighbor(key, Mac::from_u64(0x020000000300ULL));
            else
                model.remove_neighbor(key);
            break;
        }
        case 11:
            if (link.port() == nullptr && !has_anything(id) && model.members(id).empty() && model.links().size() > 12) {
                note(id);
                model.erase(id);
            }
            break;
        case 12: { // what becomes known of the next hop of whatever leads to that link
            const NeighborKey key{id, ip("192.0.2.254")};
            if (pick(3) == 0)
                neighbors.erase(id, key.second.v4_host());
            else
                neighbors.set(id, key.second.v4_host(), any_next_hop(), 1);
            adjacencies.note(key);
            break;
        }
        case 13: {
            const FdbKey key{model.domain_of(link), any_next_hop()};
            if (pick(3) == 0)
                fdb.erase(key);
            else if (!key.bridge().is_none())
                fdb.set(key, Dest::port(any_link()).with(Dest::kLearned), 1);
            adjacencies.note(key);
            break;
        }
        default:
            if (pick(2) == 0)
                add_vxlan(pick(12));
            else
                vteps.intern({any_vxlan(), {ip("192.0.2.77"), 4789, *Vni::from(5)}});
        }
    }

    std::mt19937 random_;
    ModelDiff diff_;
    std::map<NeighborKey, Mac> known_;
    std::optional<NeighborKey> resolved_;
};

std::vector<std::byte> header_of(const EncapTemplate& vtep)
{
    std::vector<std::byte> bytes(128);
    if (vtep.next().kind() == Dest::Kind::kPort)
        vtep.write(bytes.data(), 100, 1, 0, 0);
    return bytes;
}

// The longest frame that it takes, 0 for none.
std::uint32_t longest_of(const EncapTemplate& vtep)
{
    std::uint32_t longest = 0;
    for (std::uint32_t bit = 1U << 16; bit != 0; bit >>= 1)
        longest += vtep.takes(longest + bit) ? bit : 0;
    return longest;
}

// Entries that a config lacks are as if they were there and empty.
template <typename Entries>
auto entry_of(const Entries& entries, std::size_t index)
{
    return index < entries.size() ? entries[index] : std::remove_cvref_t<decltype(entries[0])>{};
}

void check_same(const ForwardingConfig& a, const ForwardingConfig& b)
{
    for (std::size_t i = 0; i < std::max(a.links.size(), b.links.size()); ++i) {
        const LinkState x = entry_of(a.links, i);
        const LinkState y = entry_of(b.links, i);
        const bool is_same =
            x.role == y.role && x.learns == y.learns && x.bridge == y.bridge && x.mtu == y.mtu && x.mac == y.mac;
        INFO("link " << i);
        REQUIRE(is_same);
    }
    for (std::size_t i = 0; i < std::max(a.bridges.size(), b.bridges.size()); ++i) {
        const BridgeState x = entry_of(a.bridges, i);
        const BridgeState y = entry_of(b.bridges, i);
        INFO("bridge " << i);
        REQUIRE(x.interface == y.interface);
        REQUIRE(x.answers == y.answers);
        REQUIRE(x.routes == y.routes);
        REQUIRE(std::ranges::equal(x.ports, y.ports));
        REQUIRE(std::ranges::equal(x.vteps, y.vteps));
        REQUIRE(std::ranges::equal(x.tunnels, y.tunnels));
    }
    for (std::size_t i = 0; i < std::max(a.replication.size(), b.replication.size()); ++i)
        REQUIRE(std::ranges::equal(entry_of(a.replication, i), entry_of(b.replication, i)));
    for (std::size_t i = 1; i < std::max(a.vteps.size(), b.vteps.size()); ++i) {
        if (i >= a.vteps.size() || i >= b.vteps.size())
            FAIL("VTEP " << i << " is missing");
        const bool is_same = a.vteps[i].next() == b.vteps[i].next() && a.vteps[i].vxlan() == b.vteps[i].vxlan() &&
                             a.vteps[i].remote() == b.vteps[i].remote() &&
                             header_of(a.vteps[i]) == header_of(b.vteps[i]) &&
                             longest_of(a.vteps[i]) == longest_of(b.vteps[i]);
        INFO("VTEP " << i);
        REQUIRE(is_same);
    }
    REQUIRE(a.listeners.size() == b.listeners.size());
    for (std::size_t i = 0; i < a.listeners.size(); ++i) {
        REQUIRE(a.listeners[i].udp_port == b.listeners[i].udp_port);
        for (std::uint32_t vni = 0; vni < 12; ++vni)
            REQUIRE(a.listeners[i].vnis.find(*Vni::from(vni * 3000)) ==
                    b.listeners[i].vnis.find(*Vni::from(vni * 3000)));
    }
    REQUIRE(a.local_v4 == b.local_v4);
    REQUIRE(a.broadcasts_v4 == b.broadcasts_v4);
    for (const char* text : {"192.0.2.1", "192.0.2.9", "10.1.0.1", "10.2.255.255", "10.9.9.9", "203.0.113.9",
                             "203.0.113.200", "198.51.100.1", "198.51.100.200", "192.0.2.255", "8.8.8.8"}) {
        const Adjacency x = a.adjacencies[a.routes.find(ip(text).v4_host())];
        const Adjacency y = b.adjacencies[b.routes.find(ip(text).v4_host())];
        INFO(text);
        REQUIRE((x.kind == y.kind && x.interface == y.interface && x.via == y.via));
        REQUIRE(x.next_hop.load().mac == y.next_hop.load().mac);
        REQUIRE(x.next_hop.load().dest == y.next_hop.load().dest);
    }
}

} // namespace

TEST_CASE("a config that was changed step by step is the one that is compiled at once")
{
    for (unsigned seed = 0; seed < 40; ++seed) {
        World world(seed);
        const auto mac_of = [&](const NeighborKey& key) { return world.mac_of(key); };
        Compiler compiler(world.model, world.vteps, world.adjacencies, mac_of);
        std::set<NeighborKey> wanted;
        for (int step = 0; step < 150; ++step) {
            world.step();
            if (const auto resolved = world.take_resolved())
                compiler.note(*resolved);
            compiler.note(world.take_diff());
            const auto stepwise = compiler.update(world.vteps.take_changes());
            Adjacencies fresh_adjacencies{world.neighbors, world.fdb};
            Compiler afresh(world.model, world.vteps, fresh_adjacencies, mac_of);
            const auto at_once = afresh.update({});
            INFO("seed " << seed << ", step " << step);
            check_same(*stepwise, *at_once);
            const Compiler::NextHops change = compiler.take_next_hops();
            wanted.insert(change.wanted.begin(), change.wanted.end());
            for (const NeighborKey& key : change.unwanted)
                wanted.erase(key);
            const std::vector<NeighborKey> all = afresh.take_next_hops().wanted;
            REQUIRE(wanted == std::set<NeighborKey>(all.begin(), all.end()));
            world.vteps.collect();
        }
    }
}

TEST_CASE("a version of a config keeps what it said when the next one says something else")
{
    SharedArray<int> first;
    for (int i = 0; i < 1000; ++i)
        first.edit(static_cast<std::size_t>(i)) = i;
    SharedArray<int> second = first;
    second.edit(500) = -1;
    second.edit(2000) = -2;
    CHECK(first[500] == 500);
    CHECK(second[500] == -1);
    CHECK(&first[0] == &second[0]);     // shared
    CHECK(&first[501] != &second[501]); // its chunk is not
    CHECK(first.size() == 1000);
    CHECK(second.size() == 2001);
    CHECK(second[1999] == 0);
}

TEST_CASE("what a transaction touched is as it was when it is taken back")
{
    World world(7);
    for (int i = 0; i < 50; ++i)
        world.step();
    world.take_diff();
    const auto mac_of = [&](const NeighborKey& key) { return world.mac_of(key); };
    const auto before = compile(world.model, world.vteps, world.adjacencies, mac_of);
    for (int i = 0; i < 200; ++i) {
        world.step();
        world.take_diff().take_back(world.model);
        world.vteps.collect();
    }
    const auto after = compile(world.model, world.vteps, world.adjacencies, mac_of);
    REQUIRE(std::ranges::equal(after->local_v4, before->local_v4));
    for (const auto& [id, link] : world.model.links()) {
        INFO(link.name);
        CHECK(after->link(id).mtu == before->link(id).mtu);
        CHECK(after->link(id).bridge == before->link(id).bridge);
        CHECK(after->link(id).role == before->link(id).role);
        CHECK(world.model.find(link.name) == &link);
    }
}
