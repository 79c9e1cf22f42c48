// Which fields a stored struct has, and in which order: written once for both directions. `io` is
// a Writer or a Reader, and the struct is const for a Writer.
//
// A field is added at the end of a record, with a new kCodecVersion (wire.h), and read only if the
// bytes are of that version or later (Since); none is ever removed or moved. Messages, which share
// and hide parts of themselves, are in message_codec.h.
#pragma once

#include <concepts>
#include <string>
#include <type_traits>

#include "storage/codec/runs_codec.h"
#include "storage/codec/value_codec.h"
#include "storage/codec/wire.h"
#include "storage/record.h"

namespace warren::storage {

template <typename T, typename U>
concept Is = std::same_as<std::remove_const_t<T>, U>;

inline constexpr auto kInt = [](auto& io, auto& value) { io.Int(value); };
inline constexpr auto kUint = [](auto& io, auto& value) { io.Uint(value); };
inline constexpr auto kText = [](auto& io, auto& value) { io.Text(value); };
inline constexpr auto kFields = [](auto& io, auto& value) { Fields(io, value); };

void Fields(auto& io, Is<ExchangeOptions> auto& o) {
  io.Enum(o.type, ExchangeType::kDirect, ExchangeType::kHeaders);
  io.Flag(o.durable);
  io.Flag(o.auto_delete);
  io.Flag(o.internal);
  io.Flag(o.delayed);
  io.Text(o.alternate_exchange);
  io.Int(o.deduplication_window_ms);
}

void Fields(auto& io, Is<RetryPolicy> auto& p) {
  io.Uint(p.max_attempts);
  io.Int(p.initial_backoff_ms);
  io.Double(p.multiplier);
  io.Int(p.max_backoff_ms);
  io.Double(p.jitter);
}

void Fields(auto& io, Is<QueueOptions> auto& o) {
  io.Flag(o.durable);
  io.Flag(o.exclusive);
  io.Flag(o.auto_delete);
  io.Optional(o.expires_ms, kInt);
  io.Optional(o.message_ttl_ms, kInt);
  io.Uint(o.max_length);
  io.Uint(o.max_length_bytes);
  io.Enum(o.overflow, OverflowPolicy::kDropHead, OverflowPolicy::kRejectPublishDlx);
  io.Optional(o.dead_letter_exchange, kText);
  io.Optional(o.dead_letter_routing_key, kText);
  io.Uint(o.max_priority);
  io.Uint(o.delivery_limit);
  io.Optional(o.retry, kFields);
  io.Int(o.deduplication_window_ms);
}

void Fields(auto& io, Is<VirtualHostLimits> auto& l) {
  io.Optional(l.max_queues, kUint);
  io.Optional(l.max_streams, kUint);
  io.Optional(l.max_message_bytes, kUint);
}

void Fields(auto& io, Is<UserPermissions> auto& p) {
  io.Text(p.virtual_host);
  io.Text(p.configure);
  io.Text(p.write);
  io.Text(p.read);
}

void Fields(auto& io, Is<User> auto& u) {
  io.Text(u.name);
  io.Text(u.password_hash);
  io.List(u.certificates, kText);
  io.List(u.tags, kText);
  io.List(u.permissions, kFields);
}

void Fields(auto& io, Is<Policy> auto& p) {
  io.Text(p.virtual_host);
  io.Text(p.name);
  io.Text(p.pattern);
  io.Enum(p.target, PolicyTarget::kAll, PolicyTarget::kExchanges);
  io.Int(p.priority);
  Fields(io, p.queue);
  io.Text(p.alternate_exchange);
}

void Fields(auto& io, Is<Properties> auto& p) {
  io.Text(p.message_id);
  io.Text(p.correlation_id);
  io.Text(p.reply_to);
  io.Text(p.type);
  io.Text(p.app_id);
  io.Text(p.user_id);
  io.Text(p.content_type);
  io.Text(p.content_encoding);
  io.Optional(p.timestamp_ms, kInt);
  CodeHeaders(io, p.headers);
}

void Fields(auto& io, Is<Death> auto& d) {
  io.Text(d.queue);
  io.Enum(d.reason, DeathReason::kRejected, DeathReason::kDeliveryLimit);
  io.Uint(d.count);
  io.Int(d.first_at_ms);
  io.Text(d.exchange);
  io.List(d.routing_keys, kText);
  io.Optional(d.original_expiration_ms, kInt);
}

void Fields(auto& io, Is<DeathHistory> auto& h) {
  io.List(h.deaths, kFields);
  io.Text(h.first_death_queue);
  io.Text(h.first_death_exchange);
  io.Enum(h.first_death_reason, DeathReason::kRejected, DeathReason::kDeliveryLimit);
}

void Fields(auto& io, Is<EntryFacts> auto& f) {
  io.Id(f.queue);
  io.Int(f.expires_at_ms);
  io.Int(f.due_at_ms);
  io.Uint(f.delivery_count);
}

void Fields(auto& io, Is<IdsReserved> auto& r) { io.Uint(r.below); }

void Fields(auto& io, Is<VirtualHostDeclared> auto& r) {
  io.Text(r.name);
  if (io.Since(3)) io.Flag(r.deleting);
  if (io.Since(5)) Fields(io, r.limits);
}

void Fields(auto& io, Is<VirtualHostDeleted> auto& r) { io.Text(r.name); }

void Fields(auto& io, Is<ExchangeDeclared> auto& r) {
  io.Id(r.id);
  io.Text(r.virtual_host);
  io.Text(r.name);
  Fields(io, r.options);
}

void Fields(auto& io, Is<ExchangeDeleted> auto& r) { io.Id(r.id); }

void Fields(auto& io, Is<QueueDeclared> auto& r) {
  io.Id(r.id);
  io.Text(r.virtual_host);
  io.Text(r.name);
  Fields(io, r.options);
}

void Fields(auto& io, Is<QueueDeleted> auto& r) { io.Id(r.id); }

void Fields(auto& io, Is<BindingAdded> auto& r) {
  io.Id(r.id);
  io.Id(r.source);
  io.Id(r.queue);
  io.Id(r.exchange);
  io.Text(r.key);
  CodeHeaders(io, r.arguments);
}

void Fields(auto& io, Is<BindingRemoved> auto& r) { io.Id(r.id); }

void Fields(auto& io, Is<QueueServing> auto& r) {
  io.Id(r.queue);
  io.Flag(r.serving);
  io.Id(r.delivered_up_to);
}

void Fields(auto& io, Is<EntryRemoved> auto& r) {
  io.Id(r.message);
  io.Id(r.queue);
  io.Flag(r.last);
}

void Fields(auto& io, Is<EntryUpdated> auto& r) {
  io.Id(r.message);
  Fields(io, r.facts);
}

void Fields(auto& io, Is<ProducerAdvanced> auto& r) {
  io.Text(r.virtual_host);
  io.Text(r.producer_id);
  io.Uint(r.last_sequence);
  io.Int(r.at_ms);
  if (io.Since(2)) CodeRuns(io, r.refused);
}

void Fields(auto& io, Is<ProducerForgotten> auto& r) {
  io.Text(r.virtual_host);
  io.Text(r.producer_id);
}

void Fields(auto& io, Is<MessageIdSeen> auto& r) {
  io.Id(r.exchange);
  io.Id(r.queue);
  io.Text(r.message_id);
  io.Int(r.until_ms);
}

void Fields(auto& io, Is<MessageIdForgotten> auto& r) {
  io.Id(r.exchange);
  io.Id(r.queue);
  io.Text(r.message_id);
}

void Fields(auto& io, Is<UserPut> auto& r) { Fields(io, r.user); }

void Fields(auto& io, Is<UserDeleted> auto& r) { io.Text(r.name); }

void Fields(auto& io, Is<PolicyPut> auto& r) { Fields(io, r.policy); }

void Fields(auto& io, Is<PolicyDeleted> auto& r) {
  io.Text(r.virtual_host);
  io.Text(r.name);
}

}  // namespace warren::storage
