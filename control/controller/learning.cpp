// SPDX-License-Identifier: BSD-3-Clause
// The Controller's other half: what comes by itself, from workers and with time.
#include "control/base/log.h"
#include "control/base/memory_reserve.h"
#include "control/controller/controller.h"

#include <algorithm>

namespace vx
{

// ---- what workers report -----------------------------------------------------------------------------------------

// What workers and time bring, they bring again. ARP and ND, which come behind it, cannot wait until there is memory.
void Controller::commit_if_possible(Transaction& transaction)
{
    try {
        commit(transaction);
    } catch (const std::bad_alloc&) {
        dataplane_.count_learn_refused();
    }
}

bool Controller::poll()
{
    dataplane_.acknowledge();
    const MemoryReserve::Use use; // without it nothing is taken: the next tick will
    captures_.reap();
    monitors_.reap();
    std::size_t count = 0;
    {
        auto transaction = begin();
        count = dataplane_.take_learned([&](const LearnEvent& event) { learn(*transaction, event); });
        if (count != 0)
            commit_if_possible(*transaction);
    }
    const std::size_t punted = take_punted();
    publish_if_needed();
    return count + punted != 0;
}

std::size_t Controller::take_punted()
{
    const std::int64_t now = options_.clock_ms();
    std::size_t punted = 0;
    while (const std::size_t taken = dataplane_.take_punted([&](const Punted& packet) {
        if (packet.reason == PuntReason::kUnresolved)
            tell_miss(packet.in, packet.frame);
        if (const auto dropped = host_stack_.receive(packet, now))
            dataplane_.count_drop(packet.in, *dropped, packet.frame, packet.tag);
    })) {
        punted += taken;
        if (punted > 4096)
            break; // let the config socket have a turn; the rest is taken by the next tick
    }
    return punted;
}

void Controller::answer() noexcept
{
    const std::int64_t now = options_.clock_ms();
    if (now == answered_ms_)
        return;
    answered_ms_ = now;
    const MemoryReserve::Use use(std::nothrow);
    try {
        take_punted();
    } catch (const std::exception& failure) { // the request that this is in the middle of is not to blame
        log_warning("what hosts asked could not be answered: {}", words_of(failure));
    }
}

void Controller::answer_beside(const Transaction* transaction) noexcept
{
    if (transaction == nullptr || !transaction->touches_stations())
        answer();
}

void Controller::learn(Transaction& transaction, const LearnEvent& event)
{
    const Link* link = model_.find(event.link);
    if (link == nullptr || model_.domain_of(*link) != event.key.bridge())
        return; // deleted or moved since
    const auto known = transaction.fdb_find(event.key);
    if (known && known->is_fixed())
        return;
    const Fdb& fdb = dataplane_.fdb();
    const bool is_full = fdb.size() + transaction.fdb_changes_.size() + kNeverLearned >= fdb.max_size();
    if (!known && (is_full || learned_[event.key.bridge().value] >= kMaxLearned)) {
        dataplane_.count_learn_refused();
        return;
    }
    if (event.vtep_family == 0) {
        transaction.fdb_set(event.key, Dest::port(link->id).with(Dest::kLearned));
        return;
    }
    const VxlanSettings* vxlan = link->vxlan();
    if (vxlan == nullptr || !vxlan->learning)
        return;
    const IpAddress vtep = event.vtep_family == 4 ? IpAddress::v4_from_wire(event.vtep.data())
                                                  : IpAddress::v6_from_wire(event.vtep.data());
    const bool is_broadcast =
        std::ranges::any_of(model_.broadcasters(vtep), [&](LinkId id) { return model_.is_underlay(*model_.find(id)); });
    if (!vtep.is_unicast() || is_broadcast || model_.owner_of(vtep) != nullptr ||
        vtep.family() != vxlan->local.family())
        return; // nobody who could be answered from this device's address
    const Remote remote{vtep, vxlan->udp_port, vxlan->vni};
    if (!vteps_.has_room_for({link->id, remote}, VtepRegistry::kMaxForLearned)) {
        dataplane_.count_learn_refused();
        return;
    }
    transaction.fdb_set(event.key, transaction.dest_for(link->id, {remote}).with(Dest::kLearned));
}

void Controller::tick()
{
    ticked_ms_ = options_.clock_ms();
    dataplane_.set_now(now_seconds());
    const MemoryReserve::Use use;
    resolver_.tick(options_.clock_ms());
    groups_.tick(options_.clock_ms());
    publish_if_needed();
    poll();
    age();
    if (const std::int64_t now = options_.clock_ms(); now - checked_ms_ >= 1000) {
        checked_ms_ = now;
        check_ports();
        turns_.look(dataplane_.worker_totals(), dataplane_.tsc_hz(), options_.clock_ms());
        dataplane_.end_idle_tallies();
    }
}

// Once a second for every entry, part by part, so that a large table does not keep the control thread from all else.
// A part whose entries moved meanwhile, because the table was rebuilt, has its turn a second later.
void Controller::age()
{
    constexpr std::int64_t kParts = 50;
    constexpr std::int64_t kPartMs = 1000 / kParts;
    const std::int64_t due = std::min((options_.clock_ms() - aged_ms_) / kPartMs, kParts);
    if (due == kParts) // late: this was all that was due
        aged_ms_ = options_.clock_ms();
    else
        aged_ms_ += due * kPartMs;
    const std::uint32_t now = now_seconds();
    auto transaction = begin();
    bool any = false;
    const auto age_entry = [&](FdbKey key, Dest dest, std::uint32_t last_seen) {
        if (!dest.has(Dest::kLearned))
            return;
        const Link* link = model_.find(dest.link());
        std::optional<std::uint32_t> limit; // seconds
        if (link != nullptr && link->vxlan() != nullptr && link->vxlan()->ageing_seconds != 0)
            limit = link->vxlan()->ageing_seconds;
        else if (link != nullptr && model_.find(link->master) != nullptr && link->vxlan() == nullptr)
            limit = (std::uint64_t{model_.find(link->master)->bridge()->ageing_time} + 99) / 100;
        if (!limit || now - last_seen <= *limit)
            return;
        transaction->fdb_erase(key);
        any = true;
    };
    for (std::int64_t left = due; left > 0; --left) {
        dataplane_.fdb().for_each_in(aged_parts_, kParts, age_entry);
        aged_parts_ = (aged_parts_ + 1) % kParts;
    }
    is_ageing_ = true;
    if (any)
        commit_if_possible(*transaction);
    is_ageing_ = false;
}

} // namespace vx
