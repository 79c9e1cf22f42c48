#include "server/api/convert/headers.h"

#include <cmath>
#include <type_traits>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "server/api/convert/limits.h"

namespace warren::api {
namespace {

constexpr std::string_view kReason = "HEADERS_INVALID";
// A binding's; their bytes are the narrower limit.
constexpr size_t kMaxBindingArguments = kMaxHeaderBytes;

// Counts what one set of headers takes up, and converts it value by value.
class HeaderReader {
 public:
  explicit HeaderReader(size_t max_headers) : max_headers_(max_headers) {}

  absl::StatusOr<storage::Headers> Table(ProtoHeaders& proto, int depth, bool drop_broker_owned) {
    if (absl::Status s = CountValues(proto.size()); !s.ok()) return s;
    storage::Headers headers;
    headers.reserve(proto.size());
    for (auto& [name, value] : proto) {
      if (drop_broker_owned && IsBrokerOwned(name)) continue;
      if (name.size() > kMaxNameBytes || !IsUtf8(name)) {
        return InvalidField("headers", kReason,
                            absl::StrCat("a header's name is ", name.size(),
                                         " bytes long; names are UTF-8 of at most ", kMaxNameBytes,
                                         " bytes"));
      }
      auto converted = Value(value, depth);
      if (!converted.ok()) return converted.status();
      if (absl::Status status = Count(name.size()); !status.ok()) return status;
      headers.push_back({name, *std::move(converted)});
    }
    storage::SortHeaders(headers);
    return headers;
  }

 private:
  absl::StatusOr<storage::Value> Value(v1::HeaderValue& proto, int depth) {
    using Kind = v1::HeaderValue::KindCase;
    constexpr size_t kScalarBytes = 8;
    switch (proto.kind_case()) {
      case Kind::kStringValue: {
        if (absl::Status s = Count(proto.string_value().size()); !s.ok()) return s;
        return storage::Value{std::move(*proto.mutable_string_value())};
      }
      case Kind::kBytesValue: {
        if (absl::Status s = Count(proto.bytes_value().size()); !s.ok()) return s;
        return storage::Value{storage::Bytes{std::move(*proto.mutable_bytes_value())}};
      }
      case Kind::kListValue:
        return List(*proto.mutable_list_value(), depth + 1);
      case Kind::kTableValue: {
        if (absl::Status s = CheckDepth(depth + 1); !s.ok()) return s;
        auto table = Table(*proto.mutable_table_value()->mutable_entries(), depth + 1, false);
        if (!table.ok()) return table.status();
        return storage::Value{*std::move(table)};
      }
      default:
        if (absl::Status s = Count(kScalarBytes); !s.ok()) return s;
        return Scalar(proto);
    }
  }

  static absl::StatusOr<storage::Value> Scalar(const v1::HeaderValue& proto) {
    using Kind = v1::HeaderValue::KindCase;
    switch (proto.kind_case()) {
      case Kind::kIntValue:
        return storage::Value{proto.int_value()};
      case Kind::kBoolValue:
        return storage::Value{proto.bool_value()};
      case Kind::kDoubleValue:
        if (std::isnan(proto.double_value())) {
          return InvalidField("headers", kReason,
                              "a header's value is NaN, which equals nothing; send a number");
        }
        return storage::Value{proto.double_value()};
      case Kind::kTimestampValue: {
        const auto ms = TimestampMs("headers", proto.timestamp_value());
        if (!ms.ok()) return ms.status();
        return storage::Value{storage::Timestamp{*ms}};
      }
      default:
        return storage::Value{};
    }
  }

  absl::StatusOr<storage::Value> List(v1::HeaderList& proto, int depth) {
    if (absl::Status s = CheckDepth(depth); !s.ok()) return s;
    if (absl::Status s = CountValues(proto.values_size()); !s.ok()) return s;
    storage::Value::List list;
    list.reserve(proto.values_size());
    for (v1::HeaderValue& value : *proto.mutable_values()) {
      auto converted = Value(value, depth);
      if (!converted.ok()) return converted.status();
      list.push_back(*std::move(converted));
    }
    return storage::Value{std::move(list)};
  }

  static absl::Status CheckDepth(int depth) {
    if (depth <= storage::kMaxValueDepth) return absl::OkStatus();
    return InvalidField("headers", kReason,
                        absl::StrCat("headers nest deeper than ", storage::kMaxValueDepth,
                                     " lists and tables; flatten them"));
  }

  absl::Status CountValues(size_t more) {
    values_ += more;
    if (values_ <= max_headers_) return absl::OkStatus();
    return InvalidField("headers", kReason,
                        absl::StrCat("there are more than ", max_headers_,
                                     " headers, those in lists and tables counted; put data into "
                                     "the body, or raise limits.max_headers"));
  }

  absl::Status Count(size_t bytes) {
    bytes_ += bytes;
    if (bytes_ <= kMaxHeaderBytes) return absl::OkStatus();
    return InvalidField("headers", kReason,
                        absl::StrCat("headers take more than ", kMaxHeaderBytes,
                                     " bytes in all; put large data into the body"));
  }

  const size_t max_headers_;
  size_t values_ = 0;
  size_t bytes_ = 0;
};

}  // namespace

bool IsBrokerOwned(std::string_view name) {
  if (name.substr(0, 2) != "x-") return false;
  return name == "x-death" || name.substr(0, 14) == "x-first-death-" ||
         name.substr(0, 13) == "x-last-death-";
}

absl::StatusOr<storage::Headers> TakeHeaders(ProtoHeaders& headers) {
  return HeaderReader(kMaxBindingArguments).Table(headers, 0, false);
}

absl::StatusOr<storage::Headers> TakeMessageHeaders(ProtoHeaders& headers, size_t max_headers) {
  return HeaderReader(max_headers).Table(headers, 0, true);
}

void SetHeaderValue(const storage::Value& value, v1::HeaderValue* proto) {
  std::visit(
      [proto](const auto& v) {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, std::string>) {
          proto->set_string_value(v);
        } else if constexpr (std::is_same_v<T, int64_t>) {
          proto->set_int_value(v);
        } else if constexpr (std::is_same_v<T, double>) {
          proto->set_double_value(v);
        } else if constexpr (std::is_same_v<T, bool>) {
          proto->set_bool_value(v);
        } else if constexpr (std::is_same_v<T, storage::Bytes>) {
          proto->set_bytes_value(v.bytes);
        } else if constexpr (std::is_same_v<T, storage::Timestamp>) {
          SetTimestamp(v.ms, proto->mutable_timestamp_value());
        } else if constexpr (std::is_same_v<T, storage::Value::List>) {
          v1::HeaderList& list = *proto->mutable_list_value();
          for (const storage::Value& element : v) SetHeaderValue(element, list.add_values());
        } else if constexpr (std::is_same_v<T, storage::Headers>) {
          SetHeaders(v, proto->mutable_table_value()->mutable_entries());
        } else {
          static_assert(std::is_same_v<T, std::monostate>);
          proto->clear_kind();
        }
      },
      value.data);
}

void SetHeaders(const storage::Headers& headers, ProtoHeaders* proto) {
  for (const storage::Header& header : headers) {
    SetHeaderValue(header.value, &(*proto)[header.name]);
  }
}

}  // namespace warren::api
