// PeekQueue, MoveMessages, ListScheduledMessages, CancelScheduledMessages.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "server/api/admin/list.h"
#include "server/api/convert/entry.h"
#include "server/api/handlers.h"
#include "server/api/unary.h"

namespace warren::api {
namespace {

constexpr uint32_t kMaxEntries = 100;  // of a page
constexpr uint64_t kDefaultBodyBytes = uint64_t{64} << 10;
// A page ends when it has so much, so that it passes the limit that clients have by default
// (4 MiB), but for one body that is larger by itself.
constexpr size_t kPageBytes = size_t{2} << 20;

uint64_t BodyLimit(uint64_t asked) { return asked != 0 ? asked : kDefaultBodyBytes; }

// A page of entries that is full by their number or their bytes.
struct EntryList {
  static constexpr uint32_t kMaxPage = kMaxEntries;
  bool IsFull() const { return bytes_ >= kPageBytes; }

 protected:
  // Appends up to `max` entries of a queue behind `mark`, which goes along; true: that was all.
  template <typename Response>
  bool AddEntries(const Caller& caller, storage::QueueId queue,
                  std::optional<core::EntryPlace> only, size_t max,
                  const std::string& virtual_host, const std::string& name, core::EntryMark& mark,
                  Response& response) {
    auto part = caller.broker().Peek(queue, mark, only, max);
    mark = part.last;
    for (const core::EntryView& entry : part.items) {
      v1::QueueEntry& proto = *response.add_entries();
      bytes_ += SetEntry(entry, max_body_bytes_, &proto);
      proto.set_queue(name);
      proto.set_virtual_host(virtual_host);
    }
    return part.done;
  }

  uint64_t max_body_bytes_ = kDefaultBodyBytes;
  size_t bytes_ = 0;
};

// So many that what comes after the page was all but full is no more than half a page.
size_t EntriesAtATime(uint64_t max_body_bytes) {
  const uint64_t largest = std::min<uint64_t>(max_body_bytes, kPageBytes) + kMaxHeaderBytes;
  return std::max<size_t>(kPageBytes / 2 / largest, 1);
}

class PeekQueue : public EntryList {
 public:
  using Request = v1::PeekQueueRequest;
  using Response = v1::PeekQueueResponse;
  static constexpr auto kRequest = &RawAdminService::RequestPeekQueue;
  static constexpr std::string_view kName = "entries";
  static constexpr size_t kNumbers = 3;

  void GoTo(const PagePlace& place) { mark_ = ToMark(place.numbers.data()); }
  PagePlace Place() const {
    return {.numbers = {static_cast<uint64_t>(mark_.place), mark_.major, mark_.minor}, .text = {}};
  }

  absl::Status Begin(const Caller& caller, Request& request) {
    if (absl::Status s = CheckName("virtual_host", request.virtual_host()); !s.ok()) return s;
    if (absl::Status s = CheckRequiredName("queue", request.queue()); !s.ok()) return s;
    host_ = VirtualHostName(request.virtual_host());
    name_ = request.queue();
    absl::Status permitted =
        caller.access.MayAsOperator(auth::Permission::kRead, {"queue", name_, host_});
    if (!permitted.ok()) return permitted;
    auto only = ToEntryPlace(request.state());
    if (!only.ok()) return only.status();
    only_ = *only;
    max_body_bytes_ = BodyLimit(request.max_body_bytes());
    const auto queue = caller.broker().FindQueue(host_, name_);
    if (!queue.ok()) return queue.status();
    queue_ = *queue;
    return absl::OkStatus();
  }

  bool Walk(const Caller& caller, core::PartLimits limits, Response& response) {
    const size_t max = std::min(limits.items, EntriesAtATime(max_body_bytes_));
    return AddEntries(caller, queue_, only_, max, host_, name_, mark_, response);
  }
  static int Size(const Response& response) { return response.entries_size(); }
  static bool Finish(const Caller&, Response&) { return true; }

 private:
  std::string host_;
  std::string name_;
  storage::QueueId queue_;
  std::optional<core::EntryPlace> only_;
  core::EntryMark mark_;
};

// Queue by queue, as they were made; when the page is full it goes on to count the rest.
class ListScheduledMessages : public EntryList {
 public:
  using Request = v1::ListScheduledMessagesRequest;
  using Response = v1::ListScheduledMessagesResponse;
  static constexpr auto kRequest = &RawAdminService::RequestListScheduledMessages;
  static constexpr std::string_view kName = "scheduled";
  static constexpr size_t kNumbers = 3;

  // The numbers are: the queue that it goes on in, and the mark in it.
  void GoTo(const PagePlace& place) {
    in_ = {place.numbers[0]};
    mark_ = {.place = core::EntryPlace::kDelayed,
             .major = place.numbers[1],
             .minor = place.numbers[2]};
    // Ids begin at 1, so the one before is that number.
    after_ = {in_ ? in_.value - 1 : 0};
  }
  PagePlace Place() const { return {.numbers = {in_.value, mark_.major, mark_.minor}, .text = {}}; }

  absl::Status Begin(const Caller& caller, Request& request) {
    if (absl::Status s = CheckName("queue", request.queue()); !s.ok()) return s;
    max_body_bytes_ = BodyLimit(request.max_body_bytes());
    name_ = request.queue();
    if (name_.empty()) return hosts_.Choose(caller, request.virtual_host());
    const std::string host = VirtualHostName(request.virtual_host());
    if (absl::Status s = CheckName("virtual_host", host); !s.ok()) return s;
    absl::Status permitted =
        caller.access.MayAsOperator(auth::Permission::kRead, {"queue", name_, host});
    if (!permitted.ok()) return permitted;
    const auto queue = caller.broker().FindQueue(host, name_);
    if (!queue.ok()) return queue.status();
    if (absl::Status s = hosts_.Choose(caller, host); !s.ok()) return s;
    if (in_ && in_ != *queue) GoTo({.numbers = {0, 0, 0}, .text = {}});
    return absl::OkStatus();
  }

  bool Walk(const Caller& caller, core::PartLimits limits, Response& response) {
    const auto part = caller.broker().WalkQueues(
        after_, {.items = 1, .looks = limits.looks},
        [&](const std::string& host, const std::string& name) { return Has(caller, host, name); });
    if (part.items.empty()) {
      after_ = part.last;
      return part.done;
    }
    const core::QueueFigures& queue = part.items.front().figures;
    if (in_ != queue.id) {
      in_ = queue.id;
      mark_ = {.place = core::EntryPlace::kDelayed};
    }
    const size_t max = std::min(limits.items, EntriesAtATime(max_body_bytes_));
    if (!AddEntries(caller, queue.id, core::EntryPlace::kDelayed, max, queue.virtual_host,
                    queue.name, mark_, response)) {
      return false;
    }
    after_ = queue.id;
    return part.done;
  }
  static int Size(const Response& response) { return response.entries_size(); }

  // The total, in parts of its own.
  bool Finish(const Caller& caller, Response& response) {
    const auto part = caller.broker().WalkQueues(
        counted_, {}, [&](const std::string& host, const std::string& name) {
          return Has(caller, host, name);
        });
    for (const core::QueueDetails& queue : part.items) total_ += queue.figures.delayed;
    counted_ = part.last;
    response.set_total(total_);
    return part.done;
  }

 private:
  bool Has(const Caller& caller, const std::string& host, const std::string& name) const {
    if (!hosts_.Has(caller, host) || (!name_.empty() && name != name_)) return false;
    return caller.access.MayAsOperator(auth::Permission::kRead, {"queue", name, host}).ok();
  }

  HostChoice hosts_;
  std::string name_;
  storage::QueueId after_;
  storage::QueueId in_;  // whose entries are being listed
  core::EntryMark mark_;
  storage::QueueId counted_;
  uint64_t total_ = 0;
};

// Publishers are held for memory and disk, too, which these don't fill.
struct OperatorsCommand {
  static constexpr bool kHeld = true;
  static constexpr bool kDelivers = false;
  template <typename Request>
  static bool FinishesWork(const Request&) {
    return true;
  }
};

struct MoveMessages : OperatorsCommand {
  using Request = v1::MoveMessagesRequest;
  using Response = v1::MoveMessagesResponse;
  static constexpr auto kRequest = &RawAdminService::RequestMoveMessages;

  static absl::StatusOr<core::Command> ToCommand(Api&, Request& request, core::RequestId id) {
    if (absl::Status s = CheckName("virtual_host", request.virtual_host()); !s.ok()) return s;
    if (absl::Status s = CheckRequiredName("source", request.source()); !s.ok()) return s;
    if (absl::Status s = CheckRequiredName("destination", request.destination()); !s.ok()) return s;
    if (request.max_messages() > kMaxBatchEntries) {
      return InvalidField("max_messages", "BATCH_INVALID",
                          absl::StrCat("max_messages is ", request.max_messages(), "; at most ",
                                       kMaxBatchEntries, " are allowed"));
    }
    core::MoveMessages command{.request = id,
                               .virtual_host = VirtualHostName(request.virtual_host()),
                               .source = request.source(),
                               .destination = request.destination()};
    if (request.max_messages() != 0) command.max_messages = request.max_messages();
    return command;
  }

  static void SetResponse(core::Replied& reply, Response& response) {
    if (const auto* result = std::get_if<core::MoveResult>(&reply.result)) {
      response.set_moved(result->moved);
      response.set_left(result->left);
    }
  }
};

struct CancelScheduledMessages : OperatorsCommand {
  using Request = v1::CancelScheduledMessagesRequest;
  using Response = v1::CancelScheduledMessagesResponse;
  static constexpr auto kRequest = &RawAdminService::RequestCancelScheduledMessages;

  static absl::StatusOr<core::Command> ToCommand(Api&, Request& request, core::RequestId id) {
    if (absl::Status s = CheckName("virtual_host", request.virtual_host()); !s.ok()) return s;
    if (absl::Status s = CheckRequiredName("queue", request.queue()); !s.ok()) return s;
    for (const int size : {request.ids_size(), request.message_ids_size()}) {
      if (size > kMaxBatchEntries) {
        return InvalidField("ids", "BATCH_INVALID",
                            absl::StrCat(size, " ids in one call; at most ", kMaxBatchEntries,
                                         " are allowed"));
      }
    }
    if (!request.all() && request.ids().empty() && request.message_ids().empty()) {
      return InvalidField("ids", "BATCH_INVALID",
                          "nothing says which messages; set ids, message_ids or all");
    }
    core::CancelScheduledMessages command{.request = id,
                                          .virtual_host = VirtualHostName(request.virtual_host()),
                                          .queue = request.queue(),
                                          .all = request.all()};
    for (const uint64_t message : request.ids()) command.ids.push_back({message});
    for (const std::string& message : request.message_ids()) {
      // "" would be all messages without one.
      if (absl::Status s = CheckRequiredName("message_ids", message); !s.ok()) return s;
      command.message_ids.push_back(message);
    }
    return command;
  }

  static void SetResponse(core::Replied& reply, Response& response) {
    if (const auto* count = std::get_if<core::MessageCount>(&reply.result)) {
      response.set_cancelled(count->messages);
    }
  }
};

}  // namespace

void ServeAdminMessages(Api& api) {
  ServeList<PeekQueue>(api, "PeekQueue");
  ServeList<ListScheduledMessages>(api, "ListScheduledMessages");
  ServeUnary<MoveMessages>(api, "MoveMessages", v1::AdminService::service_full_name());
  ServeUnary<CancelScheduledMessages>(api, "CancelScheduledMessages",
                                      v1::AdminService::service_full_name());
}

}  // namespace warren::api
