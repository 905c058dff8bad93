// SPDX-License-Identifier: BSD-3-Clause
// Dataplane::explain(): the pipeline on a frame that is nobody's, with everything that it would write to replaced.
#include "dataplane/dataplane_state.h"
#include "dataplane/pipeline.h"

#include <array>
#include <cstdlib>

namespace vx
{

namespace
{

constexpr std::size_t kRingBytes = std::size_t{1} << 20; // for the sights of one frame and its copies

// What a worker has beside its ports, to be thrown away.
class DryRun
{
public:
    DryRun(const ForwardingConfig& config, rte_mempool* pool, std::uint32_t now)
        : counters_(config.links.size()), transmitter_(0, pool),
          context_(config, counters_.data(), worker_, learned_, transmitter_, now),
          ages_(static_cast<std::atomic<std::uint32_t>*>(
              std::calloc(config.fdb->slot_count(), sizeof(std::atomic<std::uint32_t>))))
    {
        context_.fdb = context_.fdb.with_ages(ages_.get());
    }
    bool is_sound() const { return ages_ != nullptr; }

    void run(rte_mbuf* frame, LinkId in, const CaptureSet& captures) noexcept
    {
        context_.probe = probe_.begin(captures);
        std::array<Packet, kBurst> rows;
        switch (context_.link(in).role) {
        case LinkState::Role::kOverlay: {
            const auto packets = receive({&frame, 1}, in, rows, context_);
            probe_.received({&frame, 1}, in);
            overlay_rx<WithProbe>(packets, context_);
            break;
        }
        case LinkState::Role::kUnderlay: {
            const auto packets = receive({&frame, 1}, in, rows, context_);
            probe_.received({&frame, 1}, in);
            underlay_rx<WithProbe>(packets, context_);
            break;
        }
        default: // a bridge's or VXLAN device's own frame
            context_.enter(in);
            probe_.from_host(frame, in);
            rows[0].begin(frame, in);
            local_tx<WithProbe>({rows.data(), 1}, context_);
            break;
        }
        while (transmitter_.has_backlog())
            transmitter_.work_off(kTurnWork, context_);
        transmitter_.flush(context_);
        for (rte_mbuf* const punted : transmitter_.punted()) {
            probe_.to_host(punted, LinkId{note_of(punted).link}, static_cast<PuntReason>(note_of(punted).reason));
            rte_pktmbuf_free(punted);
        }
    }

    bool has_learned() const { return !learned_.events().empty(); }

private:
    struct Free {
        void operator()(void* memory) const { std::free(memory); }
    };

    std::vector<LinkCounters> counters_;
    WorkerCounters worker_;
    LearnFilter learned_;
    Transmitter transmitter_;
    Probe probe_{0, Probe::Sending::kDiscards};
    Context context_;
    std::unique_ptr<std::atomic<std::uint32_t>[], Free> ages_; // in place of the FDB's
};

} // namespace

Result<Dataplane::Explanation> Dataplane::explain(LinkId in, Bytes frame) const
{
    const ForwardingConfig& config = state_->config.read();
    if (in.value >= config.links.size() || config.link(in).role == LinkState::Role::kNone)
        return error("the device is not in use: it is down");
    if (state_->explained == nullptr) {
        auto made = Capture::create({}, 1, kRingBytes);
        if (!made)
            return std::move(made).error();
        state_->explained = *std::move(made);
    }
    Capture& capture = *state_->explained;
    const auto captures = CaptureSet{}.with(state_->explained);
    const auto dry = std::make_unique<DryRun>(config, state_->pool.raw(), state_->now.load(std::memory_order_relaxed));
    rte_mbuf* const mbuf = dry->is_sound() ? state_->mbuf_of(frame) : nullptr;
    if (mbuf == nullptr)
        return error("there is no packet buffer free for it, or no memory");
    while (capture.pop()) { // what is left of a question that had no memory for its answer
    }
    const std::uint64_t lost_before = capture.lost();
    dry->run(mbuf, in, *captures);
    Explanation explanation;
    while (const auto seen = capture.pop())
        explanation.sights.push_back({seen->record, {seen->bytes.begin(), seen->bytes.end()}});
    explanation.lost = capture.lost() - lost_before;
    explanation.is_learned = dry->has_learned();
    return explanation;
}

} // namespace vx
