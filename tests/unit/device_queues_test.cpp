// SPDX-License-Identifier: BSD-3-Clause
#include "dataplane/device_queues.h"

#include <catch2/catch.hpp>

#include <array>

using namespace vx;

namespace
{

struct Number {
    int value = 0;
    int* freed = nullptr;
    void free() { ++*freed; }
};

constexpr std::uint16_t kPlaces = 64;
constexpr std::uint16_t kMostOfDevice = 8;
constexpr std::size_t kMostBuffers = 1000;

} // namespace

TEST_CASE("devices whose frames wait take turns, and each one's come in order")
{
    int freed = 0;
    DeviceQueues<Number> queues{kPlaces, kMostOfDevice, kMostBuffers};
    CHECK(queues.is_empty());
    for (int value : {1, 2, 3})
        REQUIRE(queues.add(LinkId{1}, {value, &freed}, 1));
    REQUIRE(queues.add(LinkId{7}, {70, &freed}, 1));
    CHECK(queues.device_count() == 2);
    CHECK(queues.device() == LinkId{1});
    std::array<Number*, 2> two{};
    CHECK(queues.peek(two) == 2);
    CHECK(two[0]->value == 1);
    CHECK(two[1]->value == 2);
    queues.pop();
    CHECK(queues.device() == LinkId{1}); // there is more of it
    CHECK(queues.front().value == 2);
    queues.rotate();
    CHECK(queues.front().value == 70);
    CHECK(queues.peek(two) == 1);
    queues.pop();
    CHECK_FALSE(queues.has(LinkId{7}));
    CHECK(queues.front().value == 2);
    queues.rotate(); // alone, it is its turn again
    queues.pop();
    CHECK(queues.front().value == 3);
    queues.pop();
    CHECK(queues.is_empty());
    CHECK(freed == 0); // what is taken out is its taker's
}

TEST_CASE("a device has its limit, and a quarter of the places is for devices of which nothing waits yet")
{
    int freed = 0;
    std::size_t added = 0;
    {
        DeviceQueues<Number> queues{kPlaces, kMostOfDevice, kMostBuffers};
        const auto add = [&](std::uint16_t device) {
            const bool is_added = queues.add(LinkId{device}, {0, &freed}, 1);
            added += is_added ? 1 : 0;
            return is_added;
        };
        for (std::size_t i = 0; i < kMostOfDevice; ++i)
            CHECK(add(1));
        CHECK_FALSE(add(1));
        CHECK_FALSE(queues.is_half_full());
        for (std::uint16_t device = 2; added < kPlaces / 4 * 3; ++device)
            while (added < kPlaces / 4 * 3 && add(device)) {
            }
        CHECK_FALSE(add(2));
        CHECK(queues.is_half_full());
        for (std::uint16_t device = 1000; added < kPlaces; ++device) {
            REQUIRE(add(device));
            CHECK_FALSE(add(device));
        }
        CHECK_FALSE(add(3000));
        queues.pop(); // makes room
        --added;
        CHECK(add(3000));
    }
    CHECK(freed == static_cast<int>(added)); // what was left
}

TEST_CASE("packet buffers that wait have a limit, too")
{
    int freed = 0;
    DeviceQueues<Number> queues{kPlaces, kMostOfDevice, kMostBuffers};
    CHECK(queues.add(LinkId{1}, {0, &freed}, kMostBuffers / 4 * 3));
    CHECK(queues.is_half_full());
    CHECK_FALSE(queues.add(LinkId{1}, {0, &freed}, 1));
    CHECK(queues.add(LinkId{2}, {0, &freed}, kMostBuffers / 4));
    CHECK_FALSE(queues.add(LinkId{3}, {0, &freed}, 1));
}
