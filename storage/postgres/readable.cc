#include "storage/postgres/readable.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <variant>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "storage/absl_view.h"
#include "storage/names.h"

namespace warren::storage {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";
// Nobody reads more; and jsonb has limits of its own.
constexpr size_t kMostJsonBytes = size_t{256} << 10;

// How many bytes the character at the front takes; 0 if it is none that a text column can hold.
// Table 3-7 of the Unicode Standard, "Well-Formed UTF-8 Byte Sequences", without U+0000.
size_t CharacterBytes(std::string_view bytes) {
  const auto at = [&](size_t i) { return i < bytes.size() ? static_cast<uint8_t>(bytes[i]) : 0; };
  const auto tail = [&](size_t i) { return (at(i) & 0xc0) == 0x80; };
  const int first = at(0);
  if (first < 0x80) return first == 0 ? 0 : 1;
  if (first < 0xc2) return 0;
  if (first < 0xe0) return tail(1) ? 2 : 0;
  if (first < 0xf0) {
    const bool in_range = first == 0xe0 ? at(1) >= 0xa0 : first != 0xed || at(1) < 0xa0;
    return tail(1) && in_range && tail(2) ? 3 : 0;
  }
  if (first > 0xf4) return 0;
  const bool in_range = first == 0xf0 ? at(1) >= 0x90 : first != 0xf4 || at(1) < 0x90;
  return tail(1) && in_range && tail(2) && tail(3) ? 4 : 0;
}

class JsonWriter {
 public:
  void Name(std::string_view name) {
    Comma();
    Quote(name);
    out_ += ':';
    fresh_ = true;
  }
  void Text(std::string_view text) {
    Comma();
    Quote(text);
  }
  void Literal(std::string_view literal) {
    Comma();
    out_ += literal;
  }
  void Begin(char bracket) {
    Comma();
    out_ += bracket;
    fresh_ = true;
  }
  void End(char bracket) {
    out_ += bracket;
    fresh_ = false;
  }

  void Number(int64_t value) { Literal(std::to_string(value)); }
  void Unsigned(uint64_t value) { Literal(std::to_string(value)); }
  void Double(double value) {
    // Seventeen digits give the same number back.
    const std::string text = absl::StrFormat("%.17g", value);
    std::isfinite(value) ? Literal(text) : Text(text);
  }
  void Flag(bool value) { Literal(value ? "true" : "false"); }

  // Leave out what isn't set.
  void TextIfAny(std::string_view name, std::string_view text) {
    if (text.empty()) return;
    Name(name);
    Text(text);
  }
  void NumberIfAny(std::string_view name, const std::optional<int64_t>& number) {
    if (!number) return;
    Name(name);
    Number(*number);
  }

  bool is_full() const { return out_.size() > kMostJsonBytes; }
  std::string Take() {
    if (!is_full()) return std::move(out_);
    return R"({"remark":"too large to be shown here"})";
  }

 private:
  void Comma() {
    if (!fresh_) out_ += ',';
    fresh_ = false;
  }
  void Quote(std::string_view text) {
    out_ += '"';
    std::string scratch;
    for (const char c : Readable(text.substr(0, kMostJsonBytes), scratch)) {
      if (c == '"' || c == '\\') {
        out_ += '\\';
        out_ += c;
      } else if (static_cast<uint8_t>(c) < 0x20) {
        absl::StrAppendFormat(&out_, "\\u%04x", static_cast<unsigned>(c));
      } else {
        out_ += c;
      }
    }
    out_ += '"';
  }

  std::string out_;
  bool fresh_ = true;  // no comma before what comes next
};

void Write(JsonWriter& json, const Headers& headers);

struct ValueJson {
  JsonWriter& json;

  void operator()(std::monostate) { json.Literal("null"); }
  void operator()(const std::string& text) { json.Text(text); }
  void operator()(int64_t number) { json.Number(number); }
  void operator()(double number) { json.Double(number); }
  void operator()(bool flag) { json.Flag(flag); }
  void operator()(const Bytes& bytes) {
    json.Text(absl::StrCat("\\x", absl::BytesToHexString(Absl(bytes.bytes).substr(
                                      0, kMostJsonBytes))));
  }
  void operator()(Timestamp timestamp) {
    json.Text(absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::FromUnixMillis(timestamp.ms),
                               absl::UTCTimeZone()));
  }
  void operator()(const Value::List& list) {
    json.Begin('[');
    for (const Value& item : list) {
      if (json.is_full()) break;
      std::visit(ValueJson{json}, item.data);
    }
    json.End(']');
  }
  void operator()(const Headers& table) { Write(json, table); }
};

void Write(JsonWriter& json, const Headers& headers) {
  json.Begin('{');
  for (const Header& header : headers) {
    if (json.is_full()) break;
    json.Name(header.name);
    std::visit(ValueJson{json}, header.value.data);
  }
  json.End('}');
}

void Write(JsonWriter& json, const Death& death) {
  json.Begin('{');
  json.Name("queue");
  json.Text(death.queue);
  json.Name("reason");
  json.Text(NameOf(death.reason));
  json.Name("count");
  json.Unsigned(death.count);
  json.Name("first_at_ms");
  json.Number(death.first_at_ms);
  json.Name("exchange");
  json.Text(death.exchange);
  json.Name("routing_keys");
  json.Begin('[');
  for (const std::string& key : death.routing_keys) json.Text(key);
  json.End(']');
  json.NumberIfAny("original_expiration_ms", death.original_expiration_ms);
  json.End('}');
}

void Write(JsonWriter& json, const RetryPolicy& retry) {
  json.Begin('{');
  json.Name("max_attempts");
  json.Unsigned(retry.max_attempts);
  json.Name("initial_backoff_ms");
  json.Number(retry.initial_backoff_ms);
  json.Name("multiplier");
  json.Double(retry.multiplier);
  json.Name("max_backoff_ms");
  json.Number(retry.max_backoff_ms);
  json.Name("jitter");
  json.Double(retry.jitter);
  json.End('}');
}

void FlagIfSet(JsonWriter& json, std::string_view name, bool flag) {
  if (!flag) return;
  json.Name(name);
  json.Flag(true);
}

void UnsignedIfAny(JsonWriter& json, std::string_view name, uint64_t number) {
  if (number == 0) return;
  json.Name(name);
  json.Unsigned(number);
}

void WindowIfAny(JsonWriter& json, int64_t window_ms) {
  if (window_ms == 0) return;
  json.Name("deduplication_window_ms");
  json.Number(window_ms);
}

}  // namespace

bool IsText(std::string_view bytes) {
  // Mostly it is ASCII.
  const auto is_plain = [](char c) { return static_cast<signed char>(c) > 0; };
  if (std::all_of(bytes.begin(), bytes.end(), is_plain)) return true;
  while (!bytes.empty()) {
    const size_t size = CharacterBytes(bytes);
    if (size == 0) return false;
    bytes.remove_prefix(size);
  }
  return true;
}

std::string_view Readable(std::string_view bytes, std::string& scratch) {
  if (IsText(bytes)) return bytes;
  scratch.clear();
  while (!bytes.empty()) {
    const size_t size = CharacterBytes(bytes);
    scratch += size == 0 ? kReplacement : bytes.substr(0, size);
    bytes.remove_prefix(std::max<size_t>(size, 1));
  }
  return scratch;
}

std::string PropertiesJson(const Properties& p) {
  JsonWriter json;
  json.Begin('{');
  json.TextIfAny("message_id", p.message_id);
  json.TextIfAny("correlation_id", p.correlation_id);
  json.TextIfAny("reply_to", p.reply_to);
  json.TextIfAny("type", p.type);
  json.TextIfAny("app_id", p.app_id);
  json.TextIfAny("user_id", p.user_id);
  json.TextIfAny("content_type", p.content_type);
  json.TextIfAny("content_encoding", p.content_encoding);
  json.NumberIfAny("timestamp_ms", p.timestamp_ms);
  json.End('}');
  return json.Take();
}

std::string HeadersJson(const Headers& headers) {
  JsonWriter json;
  Write(json, headers);
  return json.Take();
}

std::string DeathsJson(const DeathHistory& history) {
  JsonWriter json;
  json.Begin('{');
  json.Name("first_death_queue");
  json.Text(history.first_death_queue);
  json.Name("first_death_exchange");
  json.Text(history.first_death_exchange);
  json.Name("first_death_reason");
  json.Text(NameOf(history.first_death_reason));
  json.Name("deaths");
  json.Begin('[');
  for (const Death& death : history.deaths) {
    if (json.is_full()) break;
    Write(json, death);
  }
  json.End(']');
  json.End('}');
  return json.Take();
}

std::string OptionsJson(const ExchangeOptions& o) {
  JsonWriter json;
  json.Begin('{');
  FlagIfSet(json, "durable", o.durable);
  FlagIfSet(json, "auto_delete", o.auto_delete);
  FlagIfSet(json, "internal", o.internal);
  FlagIfSet(json, "delayed", o.delayed);
  json.TextIfAny("alternate_exchange", o.alternate_exchange);
  WindowIfAny(json, o.deduplication_window_ms);
  json.End('}');
  return json.Take();
}

std::string OptionsJson(const QueueOptions& o) {
  JsonWriter json;
  json.Begin('{');
  FlagIfSet(json, "durable", o.durable);
  FlagIfSet(json, "exclusive", o.exclusive);
  FlagIfSet(json, "auto_delete", o.auto_delete);
  json.NumberIfAny("expires_ms", o.expires_ms);
  json.NumberIfAny("message_ttl_ms", o.message_ttl_ms);
  UnsignedIfAny(json, "max_length", o.max_length);
  UnsignedIfAny(json, "max_length_bytes", o.max_length_bytes);
  json.Name("overflow");
  json.Text(NameOf(o.overflow));
  if (o.dead_letter_exchange) {
    json.Name("dead_letter_exchange");
    json.Text(*o.dead_letter_exchange);
  }
  if (o.dead_letter_routing_key) {
    json.Name("dead_letter_routing_key");
    json.Text(*o.dead_letter_routing_key);
  }
  UnsignedIfAny(json, "max_priority", o.max_priority);
  UnsignedIfAny(json, "delivery_limit", o.delivery_limit);
  if (o.retry) {
    json.Name("retry");
    Write(json, *o.retry);
  }
  WindowIfAny(json, o.deduplication_window_ms);
  json.End('}');
  return json.Take();
}

}  // namespace warren::storage
