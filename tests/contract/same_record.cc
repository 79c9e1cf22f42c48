#include "tests/contract/same_record.h"

#include <tuple>
#include <type_traits>
#include <variant>

namespace warren::storage {
namespace {

// The members of a struct with N of them. A member that is added breaks the compilation here, so
// that no comparison forgets it.
template <int N>
auto Members(const auto& r) {
  if constexpr (N == 1) {
    const auto& [a] = r;
    return std::tie(a);
  } else if constexpr (N == 2) {
    const auto& [a, b] = r;
    return std::tie(a, b);
  } else if constexpr (N == 3) {
    const auto& [a, b, c] = r;
    return std::tie(a, b, c);
  } else if constexpr (N == 4) {
    const auto& [a, b, c, d] = r;
    return std::tie(a, b, c, d);
  } else if constexpr (N == 5) {
    const auto& [a, b, c, d, e] = r;
    return std::tie(a, b, c, d, e);
  } else {
    const auto& [a, b, c, d, e, f] = r;
    return std::tie(a, b, c, d, e, f);
  }
}

auto Tuple(const IdsReserved& r) { return Members<1>(r); }
auto Tuple(const VirtualHostDeclared& r) { return Members<3>(r); }
auto Tuple(const VirtualHostDeleted& r) { return Members<1>(r); }
auto Tuple(const ExchangeDeclared& r) { return Members<4>(r); }
auto Tuple(const ExchangeDeleted& r) { return Members<1>(r); }
auto Tuple(const QueueDeclared& r) { return Members<4>(r); }
auto Tuple(const QueueDeleted& r) { return Members<1>(r); }
auto Tuple(const BindingAdded& r) { return Members<6>(r); }
auto Tuple(const BindingRemoved& r) { return Members<1>(r); }
auto Tuple(const QueueServing& r) { return Members<3>(r); }
auto Tuple(const EntryRemoved& r) { return Members<3>(r); }
auto Tuple(const EntryUpdated& r) { return Members<2>(r); }
auto Tuple(const ProducerAdvanced& r) { return Members<5>(r); }
auto Tuple(const ProducerForgotten& r) { return Members<2>(r); }
auto Tuple(const MessageIdSeen& r) { return Members<4>(r); }
auto Tuple(const MessageIdForgotten& r) { return Members<3>(r); }
auto Tuple(const UserPut& r) { return Members<1>(r); }
auto Tuple(const UserDeleted& r) { return Members<1>(r); }
auto Tuple(const PolicyPut& r) { return Members<1>(r); }
auto Tuple(const PolicyDeleted& r) { return Members<2>(r); }

bool Same(const MessagePublished& a, const MessagePublished& b) {
  const auto& [a_id, a_message, a_entries] = a;
  const auto& [b_id, b_message, b_entries] = b;
  return a_id == b_id && SameMessage(*a_message, *b_message) && a_entries == b_entries;
}

template <typename R>
bool Same(const R& a, const R& b) {
  return Tuple(a) == Tuple(b);
}

}  // namespace

bool SameRecord(const Record& a, const Record& b) {
  if (a.index() != b.index()) return false;
  return std::visit(
      [&b](const auto& left) {
        return Same(left, std::get<std::remove_cvref_t<decltype(left)>>(b));
      },
      a);
}

}  // namespace warren::storage
