/* SPDX-License-Identifier: Apache-2.0 */
#include "common/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#define LAST_UNIX_MS INT64_C(253402300799999) /* the end of the year 9999 */

/* Exactly `count` digits; -1 when there are not. Moves *text behind them. */
static int digits(const char **text, int count)
{
    int value = 0;

    for (int i = 0; i < count; i++, (*text)++) {
        if (**text < '0' || **text > '9')
            return -1;
        value = value * 10 + (**text - '0');
    }
    return value;
}

static bool skip(const char **text, char c, char other)
{
    if (**text != c && **text != other)
        return false;
    (*text)++;
    return true;
}

static int month_days(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && leap ? 29 : days[month - 1];
}

/* Days since 1970-01-01; March is the first month, so leap days come last. */
static int64_t days_since_epoch(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

/* -1 when there is no date. */
static bool parse_date(const char **p, int64_t *days)
{
    int year, month, day;

    year = digits(p, 4);
    if (year < 0 || !skip(p, '-', '-'))
        return false;
    month = digits(p, 2);
    if (month < 1 || month > 12 || !skip(p, '-', '-'))
        return false;
    day = digits(p, 2);
    if (day < 1 || day > month_days(year, month))
        return false;
    *days = days_since_epoch(year, month, day);
    return true;
}

/* Milliseconds of the day. A leap second counts as the one before it. */
static bool parse_time(const char **p, int64_t *ms)
{
    int hour, minute, second, scale = 100;

    hour = digits(p, 2);
    if (hour < 0 || hour > 23 || !skip(p, ':', ':'))
        return false;
    minute = digits(p, 2);
    if (minute < 0 || minute > 59 || !skip(p, ':', ':'))
        return false;
    second = digits(p, 2);
    if (second < 0 || second > 60)
        return false;
    *ms = ((hour * 60 + minute) * 60 + (second == 60 ? 59 : second)) * INT64_C(1000);
    if (!skip(p, '.', '.'))
        return true;
    if (**p < '0' || **p > '9')
        return false;
    for (; **p >= '0' && **p <= '9'; (*p)++, scale /= 10)
        *ms += (**p - '0') * scale;
    return true;
}

static bool parse_zone(const char **p, int64_t *offset_ms)
{
    int hour, minute, sign = **p == '-' ? -1 : 1;

    *offset_ms = 0;
    if (skip(p, 'Z', 'z'))
        return true;
    if (!skip(p, '+', '-'))
        return false;
    hour = digits(p, 2);
    if (hour < 0 || hour > 23 || !skip(p, ':', ':'))
        return false;
    minute = digits(p, 2);
    if (minute < 0 || minute > 59)
        return false;
    *offset_ms = sign * (hour * 60 + minute) * INT64_C(60000);
    return true;
}

static struct timespec now(clockid_t clock)
{
    struct timespec ts = { 0, 0 };

    (void)clock_gettime(clock, &ts); /* cannot fail for these two clocks */
    return ts;
}

int64_t clock_mono_us(void)
{
    struct timespec ts = now(CLOCK_MONOTONIC);

    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t clock_unix_ms(void)
{
    struct timespec ts = now(CLOCK_REALTIME);

    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void clock_format(char *out, size_t size, int64_t unix_ms)
{
    int64_t ms = unix_ms < 0 ? 0 : unix_ms > LAST_UNIX_MS ? LAST_UNIX_MS : unix_ms;
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;

    (void)gmtime_r(&seconds, &tm);
    if (!strftime(out, size, "%Y-%m-%dT%H:%M:%SZ", &tm) && size)
        out[0] = '\0';
}

int64_t clock_parse(const char *text)
{
    int64_t days, ms, offset_ms, unix_ms;

    if (!parse_date(&text, &days) || !skip(&text, 'T', 't') || !parse_time(&text, &ms) ||
        !parse_zone(&text, &offset_ms) || *text)
        return -1;
    unix_ms = days * INT64_C(86400000) + ms - offset_ms;
    return unix_ms < 0 ? -1 : unix_ms;
}
