// SPDX-License-Identifier: BSD-3-Clause
// The libraries that most sources here include, as the compiler reads them once for all (meson.build). Never our own
// headers: a source includes what it uses, with this or without (-Db_pch=false).
#include <fmt/format.h>
#include <immintrin.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <charconv>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>
