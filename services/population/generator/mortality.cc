#include "services/population/generator/mortality.h"

#include <algorithm>
#include <cstddef>

namespace egov::population::generator {
namespace {

// A broken line through (x, y).
struct Point {
  int x, y;
};
template <size_t n>
int64_t Line(const Point (&points)[n], int x) {
  if (x <= points[0].x) return points[0].y;
  for (size_t i = 1; i < n; ++i) {
    if (x <= points[i].x) {
      const Point& a = points[i - 1];
      const Point& b = points[i];
      return a.y + static_cast<int64_t>(b.y - a.y) * (x - a.x) / (b.x - a.x);
    }
  }
  return points[n - 1].y;
}

// Deaths within a year of life among 100,000, today.
constexpr Point kMen[] = {{0, 250},    {1, 20},     {5, 10},     {10, 12},   {15, 40},
                          {20, 90},    {30, 170},   {40, 310},   {50, 620},  {60, 1350},
                          {65, 1950},  {70, 2850},  {75, 4200},  {80, 6600}, {85, 10800},
                          {90, 17000}, {95, 25000}, {110, 60000}};
constexpr Point kWomen[] = {{0, 200},    {1, 15},     {5, 8},      {10, 9},    {15, 18},
                            {20, 28},    {30, 50},    {40, 105},   {50, 240},  {60, 570},
                            {65, 880},   {70, 1400},  {75, 2400},  {80, 4400}, {85, 8200},
                            {90, 14500}, {95, 23000}, {110, 60000}};
// Percent of today's, by calendar year.
constexpr Point kThen[] = {{1900, 250}, {1925, 210}, {1950, 160}, {1970, 140},
                           {1995, 160}, {2005, 130}, {2020, 100}};
constexpr Point kThenChildren[] = {{1900, 5500}, {1925, 4500}, {1940, 3500}, {1950, 2200},
                                   {1965, 1000}, {1985, 700},  {2000, 300},  {2020, 100}};

}  // namespace

Mortality::Mortality(int first_year, int last_year) : first_year_(first_year) {
  for (const bool female : {false, true}) {
    for (int born = first_year; born <= last_year; ++born) {
      uint64_t alive = uint64_t{1} << 32;
      for (int age = 0; age <= kOldest; ++age) {
        const int year = born + age;
        int64_t rate = female ? Line(kWomen, age) : Line(kMen, age);
        rate = rate * (age < 5 ? Line(kThenChildren, year) : Line(kThen, year)) / 100;
        if (year >= 1941 && year <= 1944) rate += !female && age >= 18 && age < 45 ? 3500 : 500;
        rate = age == kOldest ? 100000 : std::min<int64_t>(rate, 90000);
        alive -= alive * static_cast<uint64_t>(rate) / 100000;
        dead_by_[female].push_back(
            static_cast<uint32_t>(std::min<uint64_t>((uint64_t{1} << 32) - alive, UINT32_MAX)));
      }
    }
  }
}

int Mortality::AgeAtDeath(bool female, int year, uint32_t lot) const {
  const auto begin =
      dead_by_[female].begin() + static_cast<ptrdiff_t>(year - first_year_) * (kOldest + 1);
  return std::min(static_cast<int>(std::upper_bound(begin, begin + kOldest + 1, lot) - begin),
                  kOldest);
}

}  // namespace egov::population::generator
