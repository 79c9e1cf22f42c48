#include "server/api/convert/entry.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/api/convert/delivery.h"
#include "server/api/convert/limits.h"

namespace warren::api {
namespace {

v1::EntryState StateOf(core::EntryPlace place) {
  switch (place) {
    case core::EntryPlace::kDelayed: return v1::ENTRY_STATE_DELAYED;
    case core::EntryPlace::kUnsettled: return v1::ENTRY_STATE_UNSETTLED;
    default: return v1::ENTRY_STATE_READY;
  }
}

}  // namespace

size_t SetEntry(const core::EntryView& entry, uint64_t max_body_bytes, v1::QueueEntry* proto) {
  if (entry.message) {
    v1::Delivery delivery;
    core::Delivery as_delivered{.tag = {}, .message = entry.message};
    SetDelivery(as_delivered, &delivery, max_body_bytes);
    proto->mutable_message()->Swap(delivery.mutable_message());
    proto->mutable_deaths()->Swap(delivery.mutable_deaths());
    proto->set_allocated_published_at(delivery.release_published_at());
    proto->set_exchange(std::move(*delivery.mutable_exchange()));
    proto->set_routing_key(std::move(*delivery.mutable_routing_key()));
  }
  proto->set_id(entry.message_id.value);
  proto->set_state(StateOf(entry.place));
  proto->set_body_bytes(entry.body_bytes);
  proto->set_redelivered(entry.redelivered);
  // The delivery that is underway hasn't come back yet.
  const uint32_t underway = entry.place == core::EntryPlace::kUnsettled ? 1 : 0;
  proto->set_delivery_count(entry.delivery_count - std::min(entry.delivery_count, underway));
  if (entry.expires_at_ms != 0) SetTimestamp(entry.expires_at_ms, proto->mutable_expires_at());
  if (entry.due_at_ms != 0) SetTimestamp(entry.due_at_ms, proto->mutable_due_at());
  return proto->ByteSizeLong();
}

absl::StatusOr<std::optional<core::EntryPlace>> ToEntryPlace(v1::EntryState state) {
  switch (state) {
    case v1::ENTRY_STATE_UNSPECIFIED: return std::nullopt;
    case v1::ENTRY_STATE_READY: return core::EntryPlace::kReady;
    case v1::ENTRY_STATE_DELAYED: return core::EntryPlace::kDelayed;
    case v1::ENTRY_STATE_UNSETTLED: return core::EntryPlace::kUnsettled;
    default:
      return InvalidField("state", "STATE_INVALID",
                          absl::StrCat("state ", static_cast<int>(state),
                                       " is none of READY, DELAYED, UNSETTLED"));
  }
}

core::EntryMark ToMark(const uint64_t* numbers) {
  using core::EntryPlace;
  const auto place = static_cast<EntryPlace>(std::min<uint64_t>(numbers[0], UINT8_MAX));
  const bool known = place == EntryPlace::kReady || place == EntryPlace::kDelayed ||
                     place == EntryPlace::kUnsettled;
  // The first page's numbers are all 0, which is no place.
  if (!known || (numbers[1] == 0 && numbers[2] == 0)) return {};
  return {.place = place, .major = numbers[1], .minor = numbers[2]};
}

}  // namespace warren::api
