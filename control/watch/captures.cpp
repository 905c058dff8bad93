// SPDX-License-Identifier: BSD-3-Clause
#include "control/watch/captures.h"

#include "control/base/memory_reserve.h"

namespace vx
{

std::string Captures::name_of(const CaptureSpec& spec) const
{
    if (const Link* link = model_.find(spec.link); link != nullptr)
        return link->name;
    if (!spec.point)
        return "all";
    return *spec.point == CapturePoint::kDrop ? "drop" : "host";
}

namespace
{

// A capture that workers record into, and that ends with this unless somebody takes it.
class Pending
{
public:
    Pending(Dataplane& dataplane, std::shared_ptr<Capture> capture) noexcept
        : dataplane_(dataplane), capture_(std::move(capture))
    {
    }
    ~Pending()
    {
        const MemoryReserve::Use use(std::nothrow);
        if (!is_taken_)
            dataplane_.stop_capture(*capture_);
    }
    Pending(const Pending&) = delete;
    Pending& operator=(const Pending&) = delete;

    const std::shared_ptr<Capture>& capture() const { return capture_; }
    void take() { is_taken_ = true; }

private:
    Dataplane& dataplane_;
    const std::shared_ptr<Capture> capture_;
    bool is_taken_ = false;
};

} // namespace

Result<StreamTaker> Captures::start(const CaptureSpec& spec)
{
    const MemoryReserve::Use use;
    auto capture = dataplane_.start_capture(spec);
    if (!capture)
        return std::move(capture).error();
    const auto pending = std::make_shared<Pending>(dataplane_, *std::move(capture));
    if (running_.empty())
        names_.set(model_);
    return StreamTaker{[this, pending](FileDescriptor& client, std::string first) -> Result<> {
        const MemoryReserve::Use here; // the connection changes hands, or it does not
        running_.reserve(running_.size() + 1);
        auto stream =
            CaptureStream::start(pending->capture(), client, std::move(first), name_of(pending->capture()->spec()),
                                 names_, [this] { dataplane_.notify(); });
        if (!stream)
            return error("capture: {}", stream.error().message);
        running_.push_back(*std::move(stream));
        pending->take();
        return Ok{};
    }};
}

void Captures::note(const ModelDiff& before)
{
    if (running_.empty() || before.links.empty())
        return;
    names_.update(model_, before);
    for (const auto& stream : running_) {
        const LinkId link = stream->capture().spec().link;
        if (!link.is_none() && model_.find(link) == nullptr)
            stream->finish();
    }
}

void Captures::reap()
{
    std::erase_if(running_, [this](const auto& stream) {
        if (!stream->has_ended())
            return false;
        dataplane_.stop_capture(stream->capture());
        return true;
    });
}

void Captures::stop()
{
    const MemoryReserve::Use use(std::nothrow);
    for (const auto& stream : running_)
        dataplane_.stop_capture(stream->capture());
    running_.clear();
}

} // namespace vx
