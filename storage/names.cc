#include "storage/names.h"

namespace warren::storage {

std::string_view NameOf(ExchangeType type) {
  switch (type) {
    case ExchangeType::kDirect: return "direct";
    case ExchangeType::kFanout: return "fanout";
    case ExchangeType::kTopic: return "topic";
    case ExchangeType::kHeaders: return "headers";
  }
  return "unknown";
}

std::string_view NameOf(OverflowPolicy overflow) {
  switch (overflow) {
    case OverflowPolicy::kDropHead: return "drop_head";
    case OverflowPolicy::kRejectPublish: return "reject_publish";
    case OverflowPolicy::kRejectPublishDlx: return "reject_publish_dlx";
  }
  return "unknown";
}

std::string_view NameOf(DeathReason reason) {
  switch (reason) {
    case DeathReason::kRejected: return "rejected";
    case DeathReason::kExpired: return "expired";
    case DeathReason::kMaxlen: return "maxlen";
    case DeathReason::kDeliveryLimit: return "delivery_limit";
  }
  return "unknown";
}

}  // namespace warren::storage
