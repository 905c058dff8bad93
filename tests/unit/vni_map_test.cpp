// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/state/vni_map.h"

#include <catch2/catch.hpp>

#include <map>
#include <random>
#include <vector>

namespace
{

using namespace vx;

Vni vni(std::uint64_t value)
{
    return *Vni::from(static_cast<std::uint32_t>(value));
}
LinkId link(std::uint64_t value)
{
    return LinkId{static_cast<std::uint16_t>(value)};
}
VniMap with(const VniMap& map, Vni vni, LinkId link)
{
    const VniMap::Entry entry{vni, link};
    return map.with({&entry, 1});
}

} // namespace

TEST_CASE("a VNI map agrees with a map over random changes, and older copies do not change")
{
    std::mt19937_64 random(1);
    std::map<Vni, LinkId> model;
    VniMap map;
    VniMap old = map;
    std::map<Vni, LinkId> old_model = model;
    for (int round = 0; round < 300; ++round) {
        if (round % 50 == 0) {
            old = map;
            old_model = model;
        }
        std::vector<VniMap::Entry> changes(random() % 40);
        for (VniMap::Entry& change : changes) {
            change = {vni(random() % 3 << 22 | random() % 300 << 8), link(random() % 4)};
            if (change.link.is_none())
                model.erase(change.vni);
            else
                model[change.vni] = change.link;
        }
        map = map.with(changes);
        const auto agrees = [](const VniMap& of, const std::map<Vni, LinkId>& with) {
            std::size_t found = 0;
            for (const std::uint32_t region : {0U, 1U, 2U})
                for (std::uint32_t value = 0; value < 600; ++value) {
                    const Vni key = vni(region << 22 | value / 2 << 8 | value % 2);
                    const auto expected = with.find(key);
                    if (of.find(key) != (expected == with.end() ? kNoLink : expected->second))
                        return false;
                    found += expected == with.end() ? 0 : 1;
                }
            return found == with.size();
        };
        REQUIRE(agrees(map, model));
        REQUIRE(agrees(old, old_model));
    }
}

TEST_CASE("every one of the 2^24 VNIs can have a device")
{
    std::vector<VniMap::Entry> all;
    for (std::uint32_t value = 0; value <= Vni::kMax; ++value)
        all.push_back({vni(value), link(value % 65535 + 1)});
    const VniMap map{all};
    std::size_t wrong = 0;
    for (const VniMap::Entry& entry : all)
        wrong += map.find(entry.vni) == entry.link ? 0 : 1;
    CHECK(wrong == 0);
}

TEST_CASE("an empty VNI map finds nothing, and one entry is found only as itself")
{
    const VniMap empty;
    CHECK(empty.find(vni(0)).is_none());
    CHECK(empty.find(vni(Vni::kMax)).is_none());
    const VniMap map = with(empty, vni(100), link(9));
    CHECK(map.find(vni(100)) == link(9));
    CHECK(map.find(vni(99)).is_none());
    CHECK(map.find(vni(100 + 4096)).is_none());
    CHECK(with(map, vni(100), kNoLink).find(vni(100)).is_none());
    CHECK(map.find(vni(100)) == link(9));
}

TEST_CASE("a map outlives the one that it shares its chunks with")
{
    VniMap map;
    {
        const VniMap first = with(VniMap{}, vni(5), link(1));
        map = with(first, vni(1 << 20), link(2));
    }
    CHECK(map.find(vni(5)) == link(1));
    CHECK(map.find(vni(1 << 20)) == link(2));
}
