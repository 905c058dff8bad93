// SPDX-License-Identifier: BSD-3-Clause
// The FDB as its readers see it while its writer inserts, moves, erases and rebuilds as fast as it can. That each value
// is one that its key had is the proof: lookups are in assembly, which ThreadSanitizer does not see; it sees how tables
// are published and retired.
#include "dataplane/dpdk/rcu_pointer.h"
#include "dataplane/state/fdb.h"

#include <catch2/catch.hpp>

#include <array>
#include <atomic>
#include <memory>
#include <random>
#include <thread>
#include <vector>

namespace
{

using namespace vx;

constexpr std::uint32_t kStable = 64;     // keys that the writer never touches
constexpr std::uint32_t kChanging = 3000; // keys that come and go
constexpr bool only_moves(std::uint32_t index)
{
    return index % 4 == 0; // of those that change: never erased
}
constexpr unsigned kReaders = 2;
constexpr std::size_t kTurn = 32; // lookups between two quiescent states

FdbKey key_of(std::uint32_t number)
{
    return FdbKey{BridgeId{1}, Mac::from_u64(0x020000000000 + number)};
}
// Says whose it is, and which of the key's states it was: no two words that the table ever holds are alike.
Dest dest_of(std::uint32_t number, std::uint32_t version)
{
    return Dest::vtep(LinkId{static_cast<std::uint16_t>(number)}, VtepId{version});
}

// What the writer has done to a key. Versions count up; odd ones are there, even ones are not.
struct History {
    std::atomic<std::uint32_t> begun{0}; // the change that may have taken effect
    std::atomic<std::uint32_t> done{0};  // the one that has, for every reader whose turn begins now
};

struct Snapshot {
    const BucketTable* fdb;
};

class Race
{
public:
    Race() : histories_(kChanging)
    {
        for (std::uint32_t number = 0; number < kStable; ++number)
            fdb_.set(key_of(number), dest_of(number, 1), 0);
        publish();
        for (unsigned reader = 0; reader < kReaders; ++reader) {
            qsbr_.register_worker(reader);
            readers_.emplace_back([this, reader] { read(reader); });
        }
    }
    ~Race() { stop(); }

    // ---- the writer ----

    // Inserts or erases the key; one that only moves gets another place without leaving the table.
    void change(std::uint32_t index)
    {
        History& history = histories_[index];
        const std::uint32_t number = kStable + index;
        const std::uint32_t now = history.begun.load(std::memory_order_relaxed);
        const std::uint32_t next = now + (now != 0 && only_moves(index) ? 2 : 1);
        history.begun.store(next, std::memory_order_seq_cst);
        if (next % 2 == 0)
            fdb_.erase(key_of(number));
        else
            insert(key_of(number), dest_of(number, next));
        history.done.store(next, std::memory_order_seq_cst);
    }
    // Keys of nobody's, for a table that has to be built anew.
    void insert(FdbKey key, Dest dest)
    {
        const Fdb::Change what = fdb_.set(key, dest, 1);
        refused_ += what == Fdb::Change::kRefused ? 1 : 0;
        if (what != Fdb::Change::kRebuilt)
            return;
        publish();
        ++rebuilds_;
    }
    void erase(FdbKey key) { fdb_.erase(key); }
    const BucketTable& table() const { return fdb_.table(); }

    void stop()
    {
        is_done_.store(true, std::memory_order_release);
        for (std::thread& reader : readers_)
            reader.join();
        readers_.clear();
    }

    // After stop(), what the readers found.
    std::uint64_t hits() const { return hits_.load(std::memory_order_relaxed); }
    std::uint64_t absences() const { return absences_.load(std::memory_order_relaxed); }
    std::uint64_t missed() const { return missed_.load(std::memory_order_relaxed); }
    std::uint64_t foreign() const { return foreign_.load(std::memory_order_relaxed); }
    std::uint64_t untimely() const { return untimely_.load(std::memory_order_relaxed); }
    std::size_t rebuilds() const { return rebuilds_; }
    std::size_t refused() const { return refused_; }

private:
    void publish()
    {
        current_.publish(std::make_unique<Snapshot>(Snapshot{&fdb_.table()}));
        fdb_.release_retired();
    }

    void read(unsigned reader)
    {
        std::mt19937 random(reader);
        std::array<std::uint32_t, kTurn> numbers;
        std::array<std::uint32_t, kTurn> done;
        qsbr_.online(reader);
        do {
            for (std::size_t i = 0; i < kTurn; ++i) { // before the turn begins
                numbers[i] = static_cast<std::uint32_t>(random() % (i % 4 == 0 ? kStable : kStable + kChanging));
                done[i] =
                    numbers[i] < kStable ? 1 : histories_[numbers[i] - kStable].done.load(std::memory_order_seq_cst);
            }
            const BucketTable::Reader table{*current_.read().fdb};
            for (const std::uint32_t number : numbers)
                table.prefetch_with_age(table.home(key_of(number).word()));
            for (std::size_t i = 0; i < kTurn; ++i) {
                const BucketTable::Found found = table.find(key_of(numbers[i]).word());
                judge(numbers[i], done[i], Dest::from_word(found.value));
                if (found.value != 0)
                    table.stamp(found.slot, reader);
            }
            qsbr_.quiescent(reader);
        } while (!is_done_.load(std::memory_order_acquire));
        qsbr_.offline(reader);
    }

    // What was found has to be one of the states that the key had since the lookup's turn began.
    void judge(std::uint32_t number, std::uint32_t done, Dest found)
    {
        const bool is_there = found != Dest{};
        (is_there ? hits_ : absences_).fetch_add(1, std::memory_order_relaxed);
        if (number < kStable) {
            if (!is_there)
                missed_.fetch_add(1, std::memory_order_relaxed);
            else if (found != dest_of(number, 1))
                foreign_.fetch_add(1, std::memory_order_relaxed);
            return;
        }
        const std::uint32_t begun = histories_[number - kStable].begun.load(std::memory_order_seq_cst);
        if (!is_there) { // some state from `done` to `begun` was an absence
            const bool was_always_there = only_moves(number - kStable) ? done != 0 : done == begun && done % 2 == 1;
            if (was_always_there)
                untimely_.fetch_add(1, std::memory_order_relaxed);
            return;
        }
        const std::uint32_t version = found.vtep().value;
        if (found != dest_of(number, version) || version % 2 == 0)
            foreign_.fetch_add(1, std::memory_order_relaxed);
        else if (version < done || version > begun)
            untimely_.fetch_add(1, std::memory_order_relaxed);
    }

    Fdb fdb_;
    Qsbr qsbr_{kReaders};
    RcuPointer<Snapshot> current_{qsbr_};
    std::vector<History> histories_;
    std::vector<std::thread> readers_;
    std::size_t rebuilds_ = 0;
    std::size_t refused_ = 0;
    std::atomic<bool> is_done_{false};
    std::atomic<std::uint64_t> hits_{0}, absences_{0}, missed_{0}, foreign_{0}, untimely_{0};
};

void check_readers(Race& race)
{
    race.stop();
    CHECK(race.missed() == 0);
    CHECK(race.foreign() == 0);
    CHECK(race.untimely() == 0);
    CHECK(race.refused() == 0);
    CHECK(race.hits() > 0);
}

} // namespace

TEST_CASE("a reader finds what a key's value was at some moment of its turn, whatever the writer does")
{
    Race race;
    std::mt19937 random(3);
    for (int round = 0; round < 200'000; ++round)
        race.change(static_cast<std::uint32_t>(random() % kChanging));
    check_readers(race);
    CHECK(race.absences() > 0);
    CHECK(race.rebuilds() > 0);
}

TEST_CASE("a reader misses no key while the table is rebuilt again and again")
{
    Race race;
    // Keys that never return fill the table, whose rebuild leaves out the erased ones.
    for (std::uint32_t number = 0; number < 60'000; ++number) {
        const FdbKey key{BridgeId{2}, Mac::from_u64(0x020000000000 + number)};
        race.insert(key, dest_of(0, 1));
        race.erase(key);
        race.change(number % kChanging);
    }
    check_readers(race);
    CHECK(race.rebuilds() > 5);
}

TEST_CASE("a reader misses no key while keys that collide drive the table from one seed to the next")
{
    Race race;
    std::uint32_t number = 0;
    for (int attack = 0; attack < 12; ++attack) {
        const std::size_t before = race.rebuilds();
        const BucketTable& table = race.table();
        const BucketTable::Home home = table.home(FdbKey{BridgeId{3}, Mac::from_u64(0x020000000000 + number)}.word());
        std::vector<FdbKey> keys;
        while (race.rebuilds() == before) {
            const FdbKey key{BridgeId{3}, Mac::from_u64(0x020000000000 + number++)};
            if (race.table().home(key.word()) != home)
                continue;
            race.insert(key, dest_of(0, 1));
            keys.push_back(key);
            race.change(number % kChanging);
        }
        for (const FdbKey key : keys)
            race.erase(key);
    }
    check_readers(race);
    CHECK(race.rebuilds() >= 12);
}
