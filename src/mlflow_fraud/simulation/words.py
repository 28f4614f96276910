"""The words that made-up people, streets, towns and merchants are named with."""


def _listed(words: str) -> list[str]:
    return words.split()


WOMEN = _listed("""Ada Alma Beatrice Bonnie Carmen Celia Clara Daphne Edith Elena Esther Flora Greta Hazel Irene Iris
Joan Judith June Leona Lucy Mabel Maya Mina Nadia Nora Olive Paula Pearl Petra Rosa Ruth Selma Sonia Stella
Thea Vera Viola Wanda Zoe""")
MEN = _listed("""Abel Albert Arthur Basil Bruno Calvin Cedric Clyde Conrad Dexter Edgar Emil Ernest Felix Floyd Gilbert
Harold Homer Hugo Ivan Jasper Julian Lars Leon Lionel Marcus Milo Neil Oscar Otto Percy Ralph Roland Rufus
Simon Stanley Theo Victor Walter Wesley""")
SURNAMES = _listed("""Abbot Alder Ames Archer Ash Baines Barlow Beck Birch Blythe Bower Bram Briggs Calder Carver Cobb
Colby Crane Dale Darby Dawes Draper Dunn Eldon Fenn Finch Fisk Frost Garth Gibbs Glover Grange Hale Harper Heath
Holt Ingram Jarvis Keats Kemp Lamb Latham Lowe Marsh Mercer Moss Nash Oakes Palmer Pike Potter Quill Rand Reeve
Rowe Sadler Sexton Thorne Tull Vance Wade Webster Wick Yates""")
STREETS = _listed("""Acorn Amber Bridge Cedar Chapel Cherry Clover Copper Creek Elm Field Garden Granite Harbor Hickory
Hill Laurel Lake Linden Maple Meadow Mill Orchard Pine Poplar Prairie Quarry Ridge River Rose School Spring Stone
Summit Sunset Valley View Walnut Willow Winding""")
WAYS = _listed("Street Avenue Road Lane Court Drive Way Place Trail Square")
TOWN_HEADS = _listed("""Ash Bay Bell Birch Black Bright Brook Cedar Clear Cold Deer Eagle Elk Fair Fern Glen Gold Green
Haw High Iron Lake Long Maple Mill North Oak Pine Red Rock Salt Sand Silver South Spring Stone Sun West White
Wood""")
TOWN_TAILS = _listed("bank bridge bury dale field ford grove haven hill land port ridge side ton view ville well")
JOBS = """Accountant|Actor|Analyst, data|Architect|Baker|Barista|Botanist|Bricklayer|Buyer, retail|Carpenter|Chemist
Civil engineer|Clerk|Cook|Counsellor|Dentist|Designer, graphic|Driver|Editor|Electrician|Engineer, mining
Farmer|Firefighter|Florist|Geologist|Historian|Journalist|Lawyer|Librarian|Machinist|Manager, hotel|Mason|Nurse
Optician|Painter|Pharmacist|Photographer|Pilot|Plumber|Police officer|Printmaker|Producer, radio|Programmer
Psychologist|Roofer|Scientist, soil|Secretary|Social worker|Surgeon|Surveyor|Tailor|Teacher, music|Teacher, primary
Technician, dental|Translator|Tutor|Veterinarian|Waiter|Weaver|Welder""".replace("\n", "|").split("|")
# State, latitude and longitude near its middle, first two digits of its postal codes.
STATES = [
    ("AL", 32.8, -86.8, "35"), ("AR", 34.9, -92.4, "72"), ("AZ", 34.2, -111.6, "86"), ("CA", 37.2, -119.4, "93"),
    ("CO", 39.0, -105.5, "80"), ("FL", 28.6, -82.4, "34"), ("GA", 32.6, -83.4, "31"), ("IA", 42.0, -93.5, "50"),
    ("ID", 44.3, -114.6, "83"), ("IL", 40.0, -89.2, "61"), ("KS", 38.5, -98.4, "67"), ("KY", 37.5, -85.3, "42"),
    ("LA", 31.0, -92.0, "71"), ("MA", 42.2, -71.8, "01"), ("ME", 45.4, -69.2, "04"), ("MI", 44.3, -85.4, "49"),
    ("MN", 46.3, -94.3, "56"), ("MO", 38.4, -92.5, "65"), ("MT", 47.0, -109.6, "59"), ("NC", 35.5, -79.4, "27"),
    ("NJ", 40.2, -74.7, "07"), ("NM", 34.4, -106.1, "87"), ("NY", 42.9, -75.5, "13"), ("OH", 40.3, -82.8, "43"),
    ("OK", 35.6, -97.5, "74"), ("OR", 43.9, -120.6, "97"), ("PA", 40.9, -77.8, "16"), ("SC", 33.9, -80.9, "29"),
    ("TN", 35.9, -86.4, "37"), ("TX", 31.5, -99.3, "76"), ("UT", 39.3, -111.7, "84"), ("VA", 37.5, -78.9, "24"),
    ("WA", 47.4, -120.4, "98"), ("WI", 44.6, -89.9, "54"),
]  # fmt: skip
