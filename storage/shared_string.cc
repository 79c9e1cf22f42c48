#include "storage/shared_string.h"

#include <cstring>
#include <memory>
#include <new>
#include <utility>

namespace warren::storage {

SharedString::SharedString(std::string text)
    : text_(text.empty() ? nullptr : Text::New(std::move(text))) {}

SharedString::Text* SharedString::Text::New(std::string text) {
  static_assert(sizeof(Text) % alignof(std::string) == 0, "the tail may be a std::string");
  const size_t size = text.size();
  Text* const made = new (size <= kMostCopied ? size : sizeof(std::string)) Text(size);
  if (made->copied()) {
    std::memcpy(made->tail(), text.data(), size);
  } else {
    ::new (made->tail()) std::string(std::move(text));
  }
  return made;
}

SharedString::Text::~Text() {
  if (!copied()) std::destroy_at(&owned());
}

size_t SharedString::Text::memory() const {
  return sizeof(Text) + (copied() ? size_ : sizeof(std::string) + owned().capacity());
}

}  // namespace warren::storage
