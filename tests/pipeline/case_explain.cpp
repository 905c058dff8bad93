// SPDX-License-Identifier: BSD-3-Clause
#include "tests/pipeline/case_explain.h"

#include "tests/pipeline/case_drops.h"

#include <rte_mempool.h>

#include <algorithm>

namespace vx::test
{

bool is_explainable(const MbufShape& shape)
{
    return !shape.is_partial && !shape.note && !shape.first_segment && shape.flags == 0 &&
           shape.headroom == RTE_PKTMBUF_HEADROOM;
}

CaseExplain::State CaseExplain::state() const
{
    State state;
    for (const auto& [id, link] : controller_.model().links()) {
        const LinkTotals totals = dataplane_.link_totals(id);
        state.packets[link.name] = totals.rx_packets + totals.tx_packets;
        for (std::size_t reason = 0; reason < kDropReasonCount; ++reason)
            if (totals.drops[reason] != 0)
                state.drops[{link.name, std::string{kDropReasons[reason].name}}] = totals.drops[reason];
    }
    dataplane_.fdb().for_each([&](FdbKey key, Dest dest, std::uint32_t seen) {
        state.fdb[key.word()] = {dest.word(), seen};
    });
    return state;
}

std::vector<std::string> CaseExplain::predict(const std::string& link, const Frame& frame)
{
    const auto name_of = [&](LinkId id) { return controller_.model().find(id)->name; };
    drops_.clear();
    left_.clear();
    before_ = state();
    rte_mempool* const pool = rte_mempool_lookup("vx_packets");
    const unsigned used = rte_mempool_in_use_count(pool);
    const Link* const in = controller_.model().find(link);
    if (in == nullptr)
        return {};
    const auto explanation = dataplane_.explain(in->id, frame);
    std::vector<std::string> problems;
    if (state() != before_)
        problems.push_back("explain() changed counters or the FDB");
    if (rte_mempool_in_use_count(pool) != used)
        problems.push_back("explain() did not free its buffers");
    if (!explanation) {
        problems.push_back(explanation.error().message);
        return problems;
    }
    for (const auto& [record, bytes] : explanation->sights) {
        if (record.point == CapturePoint::kDrop)
            ++drops_[{name_of(record.link), std::string{to_string(record.dest.reason())}}];
        if (record.point == CapturePoint::kPort && record.direction == Direction::kOut)
            left_[name_of(record.link)].push_back(bytes);
    }
    if (drops_.empty() || frame.empty())
        return problems;
    const DropCounts said = drops_of_explain(controller_, link, frame, problems);
    for (std::string& text : disagreements(drops_, "Dataplane::explain()", said, "explain"))
        problems.push_back(std::move(text));
    return problems;
}

std::vector<std::string> CaseExplain::compare(std::map<std::string, std::vector<Frame>> left) const
{
    std::vector<std::string> problems;
    std::erase_if(left, [](const auto& entry) { return entry.second.empty(); });
    if (left != left_)
        problems.push_back(fmt::format("{} ports got frames, or other frames, than the {} that explain() said",
                                       left.size(), left_.size()));
    for (std::string& text : disagreements(since(before_.drops, state().drops), "stats", drops_, "explain()"))
        problems.push_back(std::move(text));
    return problems;
}

} // namespace vx::test
