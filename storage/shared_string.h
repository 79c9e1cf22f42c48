// An immutable string that is shared instead of copied: bodies by all queues and by the journal's
// thread, names by all messages that carry them. Eight bytes a handle; "" needs no allocation.
//
// Thread safety: as a value type; handles to one string may live on different threads.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "storage/ref_ptr.h"

namespace warren::storage {

class SharedString {
 public:
  SharedString() = default;
  // Takes the characters over; no copy.
  explicit SharedString(std::string text)
      : text_(text.empty() ? nullptr : new Text(std::move(text))) {}

  const std::string& str() const {
    static const std::string kEmpty;
    return text_ ? text_->text : kEmpty;
  }
  std::string_view view() const { return str(); }
  size_t size() const { return str().size(); }
  bool empty() const { return !text_; }

  friend bool operator==(const SharedString& a, const SharedString& b) {
    return a.text_ == b.text_ || a.view() == b.view();
  }

 private:
  struct Text : RefCounted {
    explicit Text(std::string t) : text(std::move(t)) {}
    const std::string text;
  };
  RefPtr<const Text> text_;
};

}  // namespace warren::storage
