// ListQueues.
#include <utility>

#include "server/api/admin/list.h"
#include "server/api/convert/topology.h"
#include "server/api/handlers.h"

namespace warren::api {
namespace {

class ListQueues : public PlainList {
 public:
  using Request = v1::ListQueuesRequest;
  using Response = v1::ListQueuesResponse;
  static constexpr auto kRequest = &RawAdminService::RequestListQueues;
  static constexpr std::string_view kName = "queues";
  static constexpr size_t kNumbers = 1;

  void GoTo(const PagePlace& place) { after_ = {place.numbers[0]}; }
  PagePlace Place() const { return {.numbers = {after_.value}, .text = {}}; }

  absl::Status Begin(const Caller& caller, Request& request) {
    if (absl::Status s = hosts_.Choose(caller, request.virtual_host()); !s.ok()) return s;
    return names_.Choose(request.name_pattern());
  }

  bool Walk(const Caller& caller, core::PartLimits limits, Response& response) {
    const auto part = caller.broker().WalkQueues(
        after_, limits, [&](const std::string& host, const std::string& name) {
          return hosts_.Has(caller, host) && names_.Has(name);
        });
    for (const core::QueueDetails& queue : part.items) Set(queue, *response.add_queues());
    after_ = part.last;
    return part.done;
  }
  static int Size(const Response& response) { return response.queues_size(); }

 private:
  static void Set(const core::QueueDetails& queue, v1::Queue& proto) {
    const core::QueueFigures& figures = queue.figures;
    proto.set_virtual_host(figures.virtual_host);
    proto.set_name(figures.name);
    SetQueueOptions(queue.options, proto.mutable_options());
    if (queue.effective) SetQueueOptions(*queue.effective, proto.mutable_effective_options());
    proto.set_policy(queue.policy);
    proto.set_ready_messages(figures.ready);
    proto.set_ready_bytes(figures.ready_bytes);
    proto.set_delayed_messages(figures.delayed);
    proto.set_unsettled_messages(figures.unsettled);
    proto.set_consumers(figures.consumers);
    if (figures.head_ready_since_ms) {
      SetTimestamp(*figures.head_ready_since_ms, proto.mutable_head_ready_since());
    }
    const core::QueueTally& tally = figures.tally;
    proto.set_published_total(tally.published);
    proto.set_delivered_total(tally.delivered);
    proto.set_redelivered_total(tally.redelivered);
    proto.set_acked_total(tally.acked);
    using storage::DeathReason;
    proto.set_dead_lettered_total(
        tally.dead_lettered[DeathReason::kRejected] + tally.dead_lettered[DeathReason::kExpired] +
        tally.dead_lettered[DeathReason::kMaxlen] +
        tally.dead_lettered[DeathReason::kDeliveryLimit]);
  }

  HostChoice hosts_;
  NameChoice names_;
  storage::QueueId after_;
};

}  // namespace

void ServeAdminQueues(Api& api) { ServeList<ListQueues>(api, "ListQueues"); }

}  // namespace warren::api
