// SPDX-License-Identifier: BSD-3-Clause
#include "bench/fdb/dpdk_table.h"

#include <fmt/format.h>
#include <immintrin.h>
#include <rte_errno.h>
#include <rte_hash_crc.h>
#include <rte_malloc.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <stdexcept>

namespace vx::bench
{

namespace
{

std::uint64_t word_at(const void* key)
{
    std::uint64_t word = 0;
    std::memcpy(&word, key, sizeof(word));
    return word;
}

std::uint32_t hash_of(const void* key, std::uint32_t, std::uint32_t seed)
{
    return static_cast<std::uint32_t>(_mm_crc32_u64(seed, word_at(key)));
}

int compare(const void* one, const void* other, std::size_t)
{
    return word_at(one) == word_at(other) ? 0 : 1;
}

// Its buckets come in powers of two; beyond nine tenths of them an add may find no place.
std::uint32_t room_for(std::size_t entries)
{
    return static_cast<std::uint32_t>(std::max<std::size_t>(entries + entries / 9 + 1, 64));
}

} // namespace

DpdkTable::DpdkTable(std::size_t entries, Sharing sharing, Callbacks callbacks) : sharing_(sharing)
{
    const std::size_t size = rte_rcu_qsbr_get_memsize(1);
    qsbr_.reset(static_cast<rte_rcu_qsbr*>(std::aligned_alloc(RTE_CACHE_LINE_SIZE, size)));
    if (qsbr_ == nullptr || rte_rcu_qsbr_init(qsbr_.get(), 1) != 0)
        throw std::bad_alloc();
    rte_rcu_qsbr_thread_register(qsbr_.get(), 0);

    static unsigned number = 0; // names have to differ
    const std::string name = fmt::format("bench-{}", number++);
    rte_hash_parameters parameters{};
    parameters.name = name.c_str();
    parameters.entries = room_for(entries);
    parameters.key_len = sizeof(std::uint64_t);
    parameters.hash_func = callbacks == Callbacks::kTuned ? hash_of : rte_hash_crc;
    parameters.hash_func_init_val = static_cast<std::uint32_t>(std::random_device{}());
    parameters.socket_id = SOCKET_ID_ANY;
    if (sharing == Sharing::kConcurrent)
        parameters.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF;
    hash_.reset(rte_hash_create(&parameters));
    if (hash_ == nullptr)
        throw std::runtime_error(
            fmt::format("rte_hash for {} entries: {}", parameters.entries, rte_strerror(rte_errno)));
    if (callbacks == Callbacks::kTuned)
        rte_hash_set_cmp_func(hash_.get(), compare);
    if (sharing != Sharing::kConcurrent)
        return;
    rte_hash_rcu_config reclamation{};
    reclamation.v = qsbr_.get();
    reclamation.mode = RTE_HASH_QSBR_MODE_DQ;
    if (rte_hash_rcu_qsbr_add(hash_.get(), &reclamation) != 0)
        throw std::runtime_error(fmt::format("rte_hash_rcu_qsbr_add: {}", rte_strerror(rte_errno)));
}

bool DpdkTable::add(std::uint64_t key)
{
    void* value = nullptr;
    const std::uint64_t word = value_of(key);
    std::memcpy(&value, &word, sizeof(value));
    return rte_hash_add_key_data(hash_.get(), &key, value) == 0;
}

void DpdkTable::remove(std::uint64_t key)
{
    rte_hash_del_key(hash_.get(), &key);
}

std::size_t dpdk_heap_size()
{
    std::size_t size = 0;
    for (int socket = 0; socket < RTE_MAX_NUMA_NODES; ++socket)
        if (rte_malloc_socket_stats stats{}; rte_malloc_get_socket_stats(socket, &stats) == 0)
            size += stats.heap_allocsz_bytes;
    return size;
}

} // namespace vx::bench
