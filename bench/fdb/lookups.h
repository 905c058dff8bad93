// SPDX-License-Identifier: BSD-3-Clause
// What fdb_bench's scenarios share: a block of lookups, whatever the table.
#pragma once

#include "bench/fdb/keys.h"
#include "bench/harness/disturber.h"
#include "bench/harness/report.h"

#include <malloc.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>

namespace vx::bench
{

inline constexpr std::size_t kBlockLookups = 131'072;

struct Run {
    const RunOptions& options;
    Report& report;
    unsigned other_cpu;
};

struct Scenario {
    std::string name;
    std::function<void(Run&)> run;
    bool needs_other_cpu = false;
};

// Lookups of bursts, with `disturber` at work meanwhile if there is one.
template <typename Table>
Block lookups(Table& table, KeyStream& stream, Disturber* disturber = nullptr)
{
    return [&table, &stream, disturber](std::size_t count) {
        if (disturber != nullptr) // while nobody reads: it may wait for readers
            disturber->resume();
        table.begin_reading();
        Values values{};
        const std::uint64_t begin = ticks();
        for (std::size_t done = 0; done < count; done += kKeysPerBurst) {
            table.look_up(stream.next(), values);
            asm volatile("" : : "r"(values.data()) : "memory"); // somebody wants them
        }
        const std::uint64_t elapsed = ticks() - begin;
        table.end_reading();
        if (disturber != nullptr)
            disturber->pause();
        return elapsed;
    };
}

// What is measured has to be what it is called.
template <typename Table>
void check_lookups(Table& table, KeyStream& stream, bool are_present)
{
    Values values{};
    table.begin_reading();
    for (int burst = 0; burst < 1024; ++burst) {
        const Keys keys = stream.next();
        table.look_up(keys, values);
        for (std::size_t i = 0; i < kKeysPerBurst; ++i)
            if (values[i] != (are_present ? Table::value_of(keys[i]) : 0))
                throw std::runtime_error("a lookup gave what it should not");
    }
    table.end_reading();
}

// What malloc has given out, in bytes; the FDB's arrays are among it.
inline std::size_t our_heap_size()
{
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

} // namespace vx::bench
