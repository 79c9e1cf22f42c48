#include "server/api/convert/delivery.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "server/api/convert/headers.h"
#include "server/api/convert/limits.h"
#include "storage/names.h"

namespace warren::api {
namespace {

void SetText(std::string_view text, v1::HeaderValue* value) {
  value->set_string_value(text.data(), text.size());
}

void SetProperties(const storage::Properties& p, v1::Message* proto) {
  if (!p.message_id.empty()) proto->set_message_id(p.message_id);
  if (!p.correlation_id.empty()) proto->set_correlation_id(p.correlation_id);
  if (!p.reply_to.empty()) proto->set_reply_to(p.reply_to);
  if (!p.type.empty()) proto->set_type(p.type);
  if (!p.app_id.empty()) proto->set_app_id(p.app_id);
  if (!p.user_id.empty()) proto->set_user_id(p.user_id);
  if (!p.content_type.empty()) proto->set_content_type(p.content_type);
  if (!p.content_encoding.empty()) proto->set_content_encoding(p.content_encoding);
  if (p.timestamp_ms) SetTimestamp(*p.timestamp_ms, proto->mutable_timestamp());
  SetHeaders(p.headers, proto->mutable_headers());
}

void SetDeath(const storage::Death& death, v1::Death* proto) {
  proto->set_queue(death.queue);
  proto->set_reason(static_cast<v1::DeathReason>(death.reason));  // the same numbers
  proto->set_count(death.count);
  SetTimestamp(death.first_at_ms, proto->mutable_time());
  proto->set_exchange(death.exchange);
  for (const std::string& key : death.routing_keys) proto->add_routing_keys(key);
  if (death.original_expiration_ms) {
    SetDuration(*death.original_expiration_ms, proto->mutable_original_expiration());
  }
}

void SetDeathTable(const storage::Death& death, v1::HeaderTable* table) {
  auto& entries = *table->mutable_entries();
  SetText(death.queue, &entries["queue"]);
  SetText(storage::NameOf(death.reason), &entries["reason"]);
  entries["count"].set_int_value(static_cast<int64_t>(death.count));
  SetTimestamp(death.first_at_ms, entries["time"].mutable_timestamp_value());
  SetText(death.exchange, &entries["exchange"]);
  v1::HeaderList& keys = *entries["routing-keys"].mutable_list_value();
  for (const std::string& key : death.routing_keys) SetText(key, keys.add_values());
  if (death.original_expiration_ms) {
    // As AMQP has it: text, in milliseconds.
    SetText(std::to_string(*death.original_expiration_ms), &entries["original-expiration"]);
  }
}

}  // namespace

size_t SetDelivery(const core::Delivery& delivery, v1::Delivery* proto,
                   uint64_t max_body_bytes) {
  const storage::Message& message = *delivery.message;
  proto->set_delivery_tag(delivery.tag.value);
  proto->set_exchange(message.exchange.view().data(), message.exchange.size());
  proto->set_routing_key(message.routing_key.view().data(), message.routing_key.size());
  if (delivery.redelivered) proto->set_redelivered(true);
  if (delivery.delivery_count != 0) proto->set_delivery_count(delivery.delivery_count);
  SetTimestamp(message.published_at_ms, proto->mutable_published_at());

  v1::Message& content = *proto->mutable_message();
  content.set_body(message.body.view().data(),
                   std::min<uint64_t>(message.body.size(), max_body_bytes));
  content.set_delivery_mode(message.persistent ? v1::DELIVERY_MODE_PERSISTENT
                                               : v1::DELIVERY_MODE_TRANSIENT);
  if (message.priority != 0) content.set_priority(message.priority);
  if (message.expiration_ms) SetDuration(*message.expiration_ms, content.mutable_expiration());
  if (message.properties) SetProperties(*message.properties, &content);
  if (message.deaths) {
    for (const storage::Death& death : message.deaths->deaths) SetDeath(death, proto->add_deaths());
    SetDeathHeaders(*message.deaths, content.mutable_headers());
  }
  // Exact where it can be large; what a bare message has beyond its body is small.
  constexpr size_t kBare = 64;
  if (message.properties || message.deaths) return proto->ByteSizeLong();
  return kBare + message.body.size() + message.exchange.size() + message.routing_key.size();
}

void SetDeathHeaders(const storage::DeathHistory& history,
                     google::protobuf::Map<std::string, v1::HeaderValue>* headers) {
  if (history.deaths.empty()) return;
  v1::HeaderList& deaths = *(*headers)["x-death"].mutable_list_value();
  for (const storage::Death& death : history.deaths) {
    SetDeathTable(death, deaths.add_values()->mutable_table_value());
  }
  SetText(history.first_death_queue, &(*headers)["x-first-death-queue"]);
  SetText(storage::NameOf(history.first_death_reason), &(*headers)["x-first-death-reason"]);
  SetText(history.first_death_exchange, &(*headers)["x-first-death-exchange"]);
  const storage::Death& last = history.deaths.front();
  SetText(last.queue, &(*headers)["x-last-death-queue"]);
  SetText(storage::NameOf(last.reason), &(*headers)["x-last-death-reason"]);
  SetText(last.exchange, &(*headers)["x-last-death-exchange"]);
}

}  // namespace warren::api
