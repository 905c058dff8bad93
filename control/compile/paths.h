// SPDX-License-Identifier: BSD-3-Clause
// The paths that tunnels take: each underlay neighbour that a far VTEP is reached by, once, as a row for workers.
#pragma once

#include "control/model/model.h"
#include "dataplane/state/path.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace vx
{

// What is known of a neighbour now.
using MacOf = std::function<std::optional<Mac>(const NeighborKey&)>;

class Paths
{
public:
    // The model has to outlive it.
    Paths(const Model& model, MacOf mac_of) : model_(model), mac_of_(std::move(mac_of)) {}

    // The number of the path to a neighbour, for as long as it is not given back as often; 0 is nobody's. Precondition:
    // its link is a port.
    std::uint32_t acquire(const NeighborKey& neighbor);
    // Its row goes to another neighbour only after renew().
    void release(std::uint32_t number);
    // What workers read was published since the last release().
    void renew();

    const Path& row(std::uint32_t number) const { return (*rows_)[number]; }
    const NeighborKey& neighbor_of(std::uint32_t number) const { return users_[number].neighbor; }
    bool has(const NeighborKey& neighbor) const { return numbers_.contains(neighbor); }
    // Brings a row up to date with the neighbour's MAC and the port's, for the next packet; nothing if it is none.
    void follow(const NeighborKey& neighbor);
    // Calls `use` with each neighbour on a link that there is a path to.
    template <typename Use>
    void for_each(LinkId link, Use use) const
    {
        for (auto at = numbers_.lower_bound({link, IpAddress{}}); at != numbers_.end() && at->first.first == link; ++at)
            use(at->first);
    }
    // Lives as long as a config whose templates name its rows.
    std::shared_ptr<const std::deque<Path>> rows() const { return rows_; }

private:
    struct User {
        NeighborKey neighbor;
        std::uint32_t references = 0;
    };

    const Model& model_;
    const MacOf mac_of_;
    // A deque, whose rows stay where they are.
    std::shared_ptr<std::deque<Path>> rows_ = std::make_shared<std::deque<Path>>(1);
    std::vector<User> users_ = std::vector<User>(1); // by number
    std::map<NeighborKey, std::uint32_t> numbers_;
    std::vector<std::uint32_t> free_, released_;
};

} // namespace vx
