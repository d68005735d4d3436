"""What a pen draws: [S, 3], a row for every point.

A row is (1 if the pen is lifted after the point else 0, dx to the right, dy down from the point before). The first
point is where a drawing begins: (pen, 0, 0).
"""
